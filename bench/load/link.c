#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fputs("loadgen: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

void rest_drop(Rest *rest)
{
    free(rest->bytes);
    *rest = (Rest){0};
}

void rest_keep(Rest *rest, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = size == 0 ? NULL : memcpy(allocate(size, 1), bytes, size);
    rest_drop(rest);
    *rest = (Rest){.bytes = copy, .size = size};
}

void link_watch(Swarm *swarm, Link *link, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = link};
    if (epoll_ctl(swarm->epoll, operation, link->socket, &event) < 0)
        swarm->tally.failures++;
}

void link_lose(Swarm *swarm, Link *link, uint64_t *blame)
{
    ++*blame;
    if (link->stage != LINK_ONLINE) {
        swarm->logging_in--;
        swarm->failed++;
    }
    swarm->tally.missing += link->waiting;
    swarm->waiting -= link->waiting;
    link->waiting = 0;
    link->stage = LINK_GONE;
    if (link->socket >= 0)
        close(link->socket);
    link->socket = -1;
    rest_drop(&link->unsent);
    rest_drop(&link->unread);
}

void link_online(Swarm *swarm, Link *link)
{
    link->stage = LINK_ONLINE;
    swarm->logging_in--;
    swarm->registered++;
    histogram_add(&swarm->logins, now_s() - link->dialled_s);
}
