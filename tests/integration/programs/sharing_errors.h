// What the calls about sharing, values and streams' attributes answer to mistakes: a line for each, so that a native
// run can be compared with one through the daemon.
#ifndef PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_ERRORS_H_
#define PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_ERRORS_H_

namespace paella::integration {

int SharingErrors();

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_PROGRAMS_SHARING_ERRORS_H_
