#include "uplink.h"

#include "link.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MOST_GLUE 64        /* as the options allow */
#define MOST_CUTS 2         /* --split makes three pieces at most */
#define PIECE_GAP_S 0.0005  /* time for a server to read the piece before on its own */

/* How many of size bytes the kernel took; -1 when the link broke and was closed. */
static ssize_t send_some(Swarm *swarm, Link *link, const uint8_t *bytes, size_t size)
{
    ssize_t sent = send(link->socket, bytes, size, MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    link_lose(swarm, link, &swarm->tally.resets);
    return -1;
}

static void queue_piece(Swarm *swarm, Link *link)
{
    link->due_s = now_s() + PIECE_GAP_S;
    link->next_due = NULL;
    if (swarm->first_due == NULL)
        swarm->first_due = link;
    else
        swarm->last_due->next_due = link;
    swarm->last_due = link;
}

/* From 1 to all of size. */
static size_t piece_of(Swarm *swarm, size_t size)
{
    swarm->dice = swarm->dice * 6364136223846793005u + 1442695040888963407u;
    return 1 + (size_t)((swarm->dice >> 32) * size >> 32);
}

static void send_piece(Swarm *swarm, Link *link)
{
    Rest *unsent = &link->unsent;
    size_t size = unsent->size - unsent->taken;
    if (link->cuts++ < MOST_CUTS)
        size = piece_of(swarm, size);
    ssize_t sent = send_some(swarm, link, unsent->bytes + unsent->taken, size);
    if (sent < 0)
        return;
    unsent->taken += (size_t)sent;
    if (unsent->taken < unsent->size) {
        queue_piece(swarm, link);
        return;
    }
    link->cuts = 0;
    rest_drop(unsent);
}

static void send_all(Swarm *swarm, Link *link, const uint8_t *bytes, size_t size)
{
    if (swarm->options->split) {
        rest_keep(&link->unsent, bytes, size);
        send_piece(swarm, link);
        return;
    }
    ssize_t sent = send_some(swarm, link, bytes, size);
    if (sent >= 0 && (size_t)sent < size) {
        rest_keep(&link->unsent, bytes + sent, size - (size_t)sent);
        link_watch(swarm, link, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
}

static void send_uploads(Swarm *swarm, Link *link, uint32_t count)
{
    static uint8_t frames[MOST_GLUE * LONGEST_UPLOAD];
    size_t size = 0;
    double at_s = now_s();
    for (; count > 0 && swarm->budget > 0; count--, swarm->budget--) {
        Pending upload = {.sent_s = at_s};
        size += swarm->wire->upload(&link->meter, frames + size, &upload.token);
        swarm->tally.sent++;
        if (swarm->feeding)
            continue;
        link->pending[(link->oldest + link->waiting++) % swarm->window] = upload;
        swarm->waiting++;
    }
    if (size > 0)
        send_all(swarm, link, frames, size);
}

void uplink_greet(Swarm *swarm, Link *link)
{
    uint8_t frame[LONGEST_UPLOAD];
    if (swarm->wire->login == NULL)
        send_uploads(swarm, link, 1);
    else
        send_all(swarm, link, frame, swarm->wire->login(&link->meter, frame));
}

bool uplink_offer(Swarm *swarm, Link *link)
{
    bool idle = link->stage == LINK_ONLINE && link->unsent.size == 0;
    if (!idle || link->waiting + swarm->glue > swarm->window)
        return false;
    send_uploads(swarm, link, swarm->glue);
    return true;
}

void uplink_fill(Swarm *swarm, Link *link)
{
    while (swarm->budget > 0 && uplink_offer(swarm, link))
        continue;
}

void uplink_resume(Swarm *swarm, Link *link)
{
    Rest *unsent = &link->unsent;
    if (swarm->options->split) {
        send_piece(swarm, link);
    } else {
        size_t left = unsent->size - unsent->taken;
        ssize_t sent = send_some(swarm, link, unsent->bytes + unsent->taken, left);
        if (sent < 0)
            return;
        unsent->taken += (size_t)sent;
        if (unsent->taken == unsent->size) {
            rest_drop(unsent);
            link_watch(swarm, link, EPOLL_CTL_MOD, EPOLLIN);
        }
    }
    if (swarm->refilling)
        uplink_fill(swarm, link);
}

bool uplink_resume_due(Swarm *swarm)
{
    double at_s = now_s();
    while (swarm->first_due != NULL && swarm->first_due->due_s <= at_s) {
        Link *link = swarm->first_due;
        swarm->first_due = link->next_due;
        if (link->unsent.size > 0)
            uplink_resume(swarm, link);
    }
    return swarm->first_due != NULL;
}
