// What the programs of this folder share: calls that must succeed, inputs from a seed, and the file of records that
// ../recorder.py describes, with one section named as the program.
#ifndef PAELLA_TESTS_GPU_COMPATIBILITY_PROGRAMS_CUDA_RECORD_H_
#define PAELLA_TESTS_GPU_COMPATIBILITY_PROGRAMS_CUDA_RECORD_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

// Of the runtime and of every library: 0 is success for all of them.
#define CHECK(call)                                                                               \
  do {                                                                                            \
    const int status_of_call = static_cast<int>(call);                                            \
    if (status_of_call != 0) {                                                                    \
      std::fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, status_of_call);         \
      std::exit(2);                                                                               \
    }                                                                                             \
  } while (false)

class Record {
 public:
  Record(int argc, char** argv, const char* section) : section_(section) {
    file_ = argc == 2 ? std::fopen(argv[1], "wb") : nullptr;
    if (file_ == nullptr) {
      std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
      std::exit(64);
    }
    std::fprintf(file_, "{\"section\": \"%s\"}\n", section);
  }
  ~Record() {
    std::fprintf(file_, "{\"end\": \"%s\"}\n", section_.c_str());
    std::fclose(file_);
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  template <typename T>
  void Output(const char* name, const std::vector<T>& values) {
    std::fprintf(file_, "{\"output\": \"%s/%s\", \"dtype\": \"%s\", \"shape\": [%zu], \"bytes\": %zu}\n",
                 section_.c_str(), name, TypeName<T>(), values.size(), values.size() * sizeof(T));
    std::fwrite(values.data(), sizeof(T), values.size(), file_);
    std::fflush(file_);
  }

 private:
  template <typename T>
  static const char* TypeName() {
    if (std::is_same_v<T, float>) return "float32";
    if (std::is_same_v<T, double>) return "float64";
    return sizeof(T) == 4 ? "int32" : "bytes";
  }

  std::string section_;
  std::FILE* file_;
};

// A buffer of the GPU's.
template <typename T>
class OnGpu {
 public:
  explicit OnGpu(std::size_t count) : count_(count) { CHECK(cudaMalloc(&data_, count * sizeof(T))); }
  explicit OnGpu(const std::vector<T>& values) : OnGpu(values.size()) {
    CHECK(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~OnGpu() { cudaFree(data_); }
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;

  T* get() const { return data_; }
  std::vector<T> Read() const {
    std::vector<T> values(count_);
    CHECK(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

// Numbers between -1 and 1.
template <typename T>
std::vector<T> Seeded(std::uint32_t seed, std::size_t count) {
  std::vector<T> values(count);
  for (T& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<T>(static_cast<std::int32_t>(seed)) / static_cast<T>(2147483648.0);
  }
  return values;
}

// A well-conditioned matrix of `size` by `size`: random, with a heavy diagonal.
template <typename T>
std::vector<T> HeavyDiagonal(std::uint32_t seed, int size, bool symmetric) {
  std::vector<T> matrix = Seeded<T>(seed, static_cast<std::size_t>(size) * size);
  for (int row = 0; row < size; ++row) {
    for (int column = 0; symmetric && column < row; ++column) {
      matrix[row * size + column] = matrix[column * size + row];
    }
    matrix[row * size + row] += static_cast<T>(size);
  }
  return matrix;
}

#endif  // PAELLA_TESTS_GPU_COMPATIBILITY_PROGRAMS_CUDA_RECORD_H_
