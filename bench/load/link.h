/* The memory of a connection, and its end. */
#ifndef LINK_H
#define LINK_H

#include "swarm.h"

/* calloc that leaves with status 2 instead of failing. */
void *allocate(size_t count, size_t size);

/* Puts a copy of bytes (which may lie in the rest itself) in the place of what the rest held. */
void rest_keep(Rest *rest, const uint8_t *bytes, size_t size);
void rest_drop(Rest *rest);

/* Which events (EPOLLIN…) epoll shall report; operation is EPOLL_CTL_ADD for the first time and
 * EPOLL_CTL_MOD later. */
void link_watch(Swarm *swarm, Link *link, int operation, uint32_t events);

/* Closes a connection that broke and adds one to blame, a member of the tally. */
void link_lose(Swarm *swarm, Link *link, uint64_t *blame);

/* Registered: by the answer to its login, or to its first upload. */
void link_online(Swarm *swarm, Link *link);

#endif
