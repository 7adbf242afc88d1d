// Reads the tables of an ELF file of CUDA's. The bytes are a client's: every offset in them is checked, and since tables
// can overlap and name one long text a million times, only so many bytes are read altogether; beyond them every answer is
// nothing. One thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_ELF_FILE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_ELF_FILE_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace paella::scheduler_daemon {

class ElfFile {
 public:
  explicit ElfFile(std::span<const std::byte> bytes)
      : bytes_(bytes), budget_bytes_(kLeastBudgetBytes + kBudgetPerByte * bytes.size()) {}

  // False: its form is not that of CUDA's files.
  bool Open();
  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  std::optional<std::string_view> NameOf(const Elf64_Shdr& section) const { return Text(names_, section.sh_name); }
  // A section's content is an array of these.
  template <typename T>
  std::optional<T> ElementAt(const Elf64_Shdr& section, std::uint64_t index) const {
    return Read<T>(section.sh_offset, index);
  }
  // Nothing: it lies outside the file.
  std::optional<std::span<const std::byte>> ContentOf(const Elf64_Shdr& section) const;
  // The text that begins there in a table of strings.
  std::optional<std::string_view> Text(const Elf64_Shdr& table, std::uint64_t offset) const;

 private:
  // Compilers' files need less than twice their size.
  static constexpr std::uint64_t kBudgetPerByte = 8;
  static constexpr std::uint64_t kLeastBudgetBytes = 1 << 20;
  // C++ names of template instances are long.
  static constexpr std::size_t kLongestText = 64 << 10;

  bool Spend(std::uint64_t bytes) const {
    const bool has_them = bytes <= budget_bytes_;
    budget_bytes_ = has_them ? budget_bytes_ - bytes : 0;
    return has_them;
  }

  template <typename T>
  std::optional<T> Read(std::uint64_t offset, std::uint64_t index) const {
    if (!Spend(sizeof(T))) return std::nullopt;
    if (offset > bytes_.size() || index >= (bytes_.size() - offset) / sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset + index * sizeof(T), sizeof value);
    return value;
  }

  std::span<const std::byte> bytes_;
  mutable std::uint64_t budget_bytes_;  // that may still be read
  std::vector<Elf64_Shdr> sections_;
  Elf64_Shdr names_{};
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_ELF_FILE_H_
