/* From the server: acks, matched with the uploads they answer. */
#ifndef DOWNLINK_H
#define DOWNLINK_H

#include "swarm.h"

/* Reads what has come and acts on each whole answer. */
void downlink_read(Swarm *swarm, Link *link);

#endif
