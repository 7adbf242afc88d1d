// cuStreamWriteValue and cuStreamWaitValue, in pinned and in device memory.
#ifndef PAELLA_TESTS_INTEGRATION_PROGRAMS_VALUES_H_
#define PAELLA_TESTS_INTEGRATION_PROGRAMS_VALUES_H_

namespace paella::integration {

int Values();
// More streams wait than there are hardware queues, and another one works: only where the waiting is done in software.
int ManyWaits();

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_PROGRAMS_VALUES_H_
