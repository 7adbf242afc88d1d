// A function of the driver, found by name when it is called: a driver that lacks it must not keep the program from
// starting. Used by every row of the table as DRIVER(cuMemAlloc), which stands for the version that cuda.h names.
#ifndef PAELLA_TESTS_BAD_CALLS_DRIVER_FUNCTION_H_
#define PAELLA_TESTS_BAD_CALLS_DRIVER_FUNCTION_H_

#include <cuda.h>
#include <dlfcn.h>

namespace paella::bad_calls {

template <typename Signature>
class DriverFunction {
 public:
  // The default search order, so that whatever was preloaded in front of the driver answers.
  explicit DriverFunction(const char* name) : name_(name), address_(dlsym(RTLD_DEFAULT, name)) {}

  const char* name() const { return name_; }
  bool present() const { return address_ != nullptr; }
  Signature* get() const { return reinterpret_cast<Signature*>(address_); }

 private:
  const char* name_;
  void* address_;
};

}  // namespace paella::bad_calls

#define BAD_CALLS_QUOTE(name) #name
#define BAD_CALLS_EXPAND_AND_QUOTE(name) BAD_CALLS_QUOTE(name)
#define DRIVER(function) (DriverFunction<decltype(function)>(BAD_CALLS_EXPAND_AND_QUOTE(function)))

#endif  // PAELLA_TESTS_BAD_CALLS_DRIVER_FUNCTION_H_
