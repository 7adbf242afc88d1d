// Names and sentences of CUresult values, in the driver's own words. Any thread.
#ifndef PAELLA_SHIM_ERROR_TEXT_H_
#define PAELLA_SHIM_ERROR_TEXT_H_

namespace paella::shim {

// Null for a number that is no error of the toolkit this was built with.
const char* ErrorName(int error);
const char* ErrorSentence(int error);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ERROR_TEXT_H_
