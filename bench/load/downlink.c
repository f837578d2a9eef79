#include "downlink.h"

#include "link.h"
#include "uplink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define READ_SIZE 65536

static Pending *pending_at(const Swarm *swarm, const Link *link, uint32_t place)
{
    return &link->pending[(link->oldest + place) % swarm->window];
}

/* Takes the oldest pending upload of that token out; false when there is none. Where a protocol
 * names no uploads all tokens are 0, and acks settle them in the order they were sent. */
static bool settle(Swarm *swarm, Link *link, uint64_t token)
{
    uint32_t place = 0;
    while (place < link->waiting && pending_at(swarm, link, place)->token != token)
        place++;
    if (place == link->waiting)
        return false;

    if (swarm->timing)
        histogram_add(&swarm->acks, now_s() - pending_at(swarm, link, place)->sent_s);
    swarm->tally.overtaking += place > 0;
    for (; place > 0; place--)
        *pending_at(swarm, link, place) = *pending_at(swarm, link, place - 1);
    link->oldest = (link->oldest + 1) % swarm->window;
    link->waiting--;
    swarm->waiting--;
    swarm->tally.acked++;
    return true;
}

static void take(Swarm *swarm, Link *link, Reply reply)
{
    bool greeting = link->stage == LINK_GREETING;
    bool expected = true;
    if (reply.kind == REPLY_TO_OTHER)
        swarm->tally.other++;
    else if (reply.kind == REPLY_TO_UPLOAD)
        expected = settle(swarm, link, reply.token);
    else
        expected = greeting;

    if (!expected)
        swarm->tally.unexpected++;
    else if (greeting && reply.kind != REPLY_TO_OTHER)
        link_online(swarm, link);
}

/* Returns how many of the bytes were whole answers, or none. */
static size_t take_all(Swarm *swarm, Link *link, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        Scan scan = swarm->wire->scan(bytes + at, size - at);
        if (scan.kind == SCAN_SHORT)
            break;
        if (scan.kind == SCAN_FRAME)
            take(swarm, link, swarm->wire->read_reply(bytes + at, scan.size));
        if (scan.kind == SCAN_GARBAGE)
            swarm->tally.noise_bytes += scan.size;
        at += scan.size;
    }
    return at;
}

void downlink_read(Swarm *swarm, Link *link)
{
    static uint8_t bytes[LONGEST_FRAME + READ_SIZE];
    size_t kept = link->unread.size;
    ssize_t got = recv(link->socket, bytes + kept, READ_SIZE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        link_lose(swarm, link, &swarm->tally.resets);
        return;
    }
    if (kept > 0)
        memcpy(bytes, link->unread.bytes, kept);
    size_t size = kept + (size_t)got;
    size_t taken = take_all(swarm, link, bytes, size);
    if (kept > 0 || taken < size)
        rest_keep(&link->unread, bytes + taken, size - taken);
    if (swarm->refilling)
        uplink_fill(swarm, link);
}
