// Events that another process may have opened (CU_EVENT_INTERPROCESS): what they mean is known to the daemon alone,
// since either side may record them, so all but their creation is asked or told there. Any thread. Owns nothing.
#ifndef PAELLA_SHIM_SHARED_EVENTS_H_
#define PAELLA_SHIM_SHARED_EVENTS_H_

#include "shim/events.h"

namespace paella::shim {

// A record counts for everybody when this returns, and a wait waits for the last record before it.
CUresult RecordShared(Submission& submission, const Event& event, const Stream& stream);
CUresult WaitShared(Submission& submission, const Event& event, const Stream& stream);

CUresult QueryShared(Submission& submission, const Event& event);
CUresult SynchronizeShared(Submission& submission, const Event& event);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_SHARED_EVENTS_H_
