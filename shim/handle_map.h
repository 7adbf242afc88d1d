// From the handles that programs hold to our objects: any 64-bit number may be looked up, and only a live handle of this
// map gives an object.
//
// Find takes no lock, since it is on the path of every launch; Insert and Erase take one. A table that is outgrown stays
// allocated, because a reader may be in it: tables double, so all of them together take twice the last one.
#ifndef PAELLA_SHIM_HANDLE_MAP_H_
#define PAELLA_SHIM_HANDLE_MAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace paella::shim {

template <typename Object>
class HandleMap {
 public:
  HandleMap() { table_ = NewTable(kFirstCapacity); }
  HandleMap(const HandleMap&) = delete;
  HandleMap& operator=(const HandleMap&) = delete;

  Object* Find(const void* handle) const {
    const auto key = reinterpret_cast<std::uintptr_t>(handle);
    if (key == 0) return nullptr;
    const Table& table = *table_.load(std::memory_order_acquire);  // pairs with Grow
    for (std::size_t i = Hash(key) & table.mask;; i = (i + 1) & table.mask) {
      const std::uintptr_t found = table.slots[i].key.load(std::memory_order_acquire);  // pairs with Put
      if (found == key) return table.slots[i].object.load(std::memory_order_acquire);
      if (found == 0) return nullptr;
    }
  }

  // A handle that was erased may come back: drivers and allocators reuse addresses.
  void Insert(const void* handle, Object* object) {
    const std::lock_guard lock(mutex_);
    Table* table = table_.load(std::memory_order_relaxed);
    if (2 * (table->used + 1) > table->mask + 1) table = Grow(*table);
    Put(*table, reinterpret_cast<std::uintptr_t>(handle), object);
  }

  // The object, for the caller to give up; null if the handle is not live.
  Object* Erase(const void* handle) {
    const std::lock_guard lock(mutex_);
    Table& table = *table_.load(std::memory_order_relaxed);
    const auto key = reinterpret_cast<std::uintptr_t>(handle);
    for (std::size_t i = Hash(key) & table.mask; key != 0; i = (i + 1) & table.mask) {
      const std::uintptr_t found = table.slots[i].key.load(std::memory_order_relaxed);
      if (found == key) return table.slots[i].object.exchange(nullptr, std::memory_order_acq_rel);
      if (found == 0) break;
    }
    return nullptr;
  }

  std::vector<Object*> All() const {
    const std::lock_guard lock(mutex_);
    const Table& table = *table_.load(std::memory_order_relaxed);
    std::vector<Object*> all;
    for (std::size_t i = 0; i <= table.mask; ++i) {
      if (Object* object = table.slots[i].object.load(std::memory_order_relaxed)) all.push_back(object);
    }
    return all;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 256;

  struct Slot {
    std::atomic<std::uintptr_t> key{0};  // 0: never used. Stays when the handle is erased.
    std::atomic<Object*> object{nullptr};
  };
  struct Table {
    std::size_t mask;
    std::size_t used = 0;  // keys; under mutex_
    std::unique_ptr<Slot[]> slots;
  };

  static std::size_t Hash(std::uintptr_t key) {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ull) >> 32);  // Fibonacci hashing
  }

  Table* NewTable(std::size_t capacity) {
    tables_.push_back(std::make_unique<Table>(Table{capacity - 1, 0, std::make_unique<Slot[]>(capacity)}));
    return tables_.back().get();
  }

  static void Put(Table& table, std::uintptr_t key, Object* object) {
    std::size_t i = Hash(key) & table.mask;
    for (;; i = (i + 1) & table.mask) {
      const std::uintptr_t found = table.slots[i].key.load(std::memory_order_relaxed);
      if (found == key || found == 0) break;
    }
    if (table.slots[i].key.load(std::memory_order_relaxed) == 0) ++table.used;
    table.slots[i].object.store(object, std::memory_order_release);
    table.slots[i].key.store(key, std::memory_order_release);
  }

  Table* Grow(const Table& old) {
    Table* table = NewTable(2 * (old.mask + 1));
    for (std::size_t i = 0; i <= old.mask; ++i) {
      Object* object = old.slots[i].object.load(std::memory_order_relaxed);
      if (object != nullptr) Put(*table, old.slots[i].key.load(std::memory_order_relaxed), object);
    }
    table_.store(table, std::memory_order_release);
    return table;
  }

  std::atomic<Table*> table_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Table>> tables_;  // under mutex_; the last one is table_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_HANDLE_MAP_H_
