/* Towards the server: logins and uploads, whole or in pieces. */
#ifndef UPLINK_H
#define UPLINK_H

#include "swarm.h"

/* Sends what registers the meter. */
void uplink_greet(Swarm *swarm, Link *link);

/* Sends --glue uploads; false when the window has no room or the send before is not through. */
bool uplink_offer(Swarm *swarm, Link *link);

/* Offers until that is refused or the budget is spent. */
void uplink_fill(Swarm *swarm, Link *link);

/* Goes on with a send of which something is left. */
void uplink_resume(Swarm *swarm, Link *link);

/* Goes on with those whose next piece is due; true when some still wait. */
bool uplink_resume_due(Swarm *swarm);

#endif
