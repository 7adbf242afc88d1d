// Reads the tables of an ELF file of CUDA's. The bytes are a client's: every offset in them is checked. Any thread.
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
  explicit ElfFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

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
  template <typename T>
  std::optional<T> Read(std::uint64_t offset, std::uint64_t index) const {
    if (offset > bytes_.size() || index >= (bytes_.size() - offset) / sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset + index * sizeof(T), sizeof value);
    return value;
  }

  std::span<const std::byte> bytes_;
  std::vector<Elf64_Shdr> sections_;
  Elf64_Shdr names_{};
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_ELF_FILE_H_
