#include "swarm.h"

#include "downlink.h"
#include "link.h"
#include "uplink.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 1024
#define OTHER_FILES 16

/* Linux gives an address 28,232 ports of its own choice; connections of the run before hold some
 * of them for a minute more. Beyond this many each next address of the loopback net takes over. */
#define LINKS_OF_AN_ADDRESS 15000
#define SECOND_LOOPBACK 0x7F000002u /* 127.0.0.2 */

static void allow_files(int64_t links)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)links + OTHER_FILES) {
        fprintf(stderr, "loadgen: %lld connections, but ulimit -Hn is %llu\n", (long long)links,
                (unsigned long long)limit.rlim_cur);
        exit(2);
    }
}

void swarm_open(Swarm *swarm, const Options *options)
{
    allow_files(options->connections);
    *swarm = (Swarm){
        .options = options,
        .wire = options->wire,
        .window = (uint32_t)options->window,
        .glue = (uint32_t)options->glue,
        .count = (size_t)options->connections,
        .links = allocate((size_t)options->connections, sizeof *swarm->links),
        .epoll = epoll_create1(0),
        .budget = options->count > 0 ? (uint64_t)options->count : UINT64_MAX,
        .dice = (uint64_t)options->seed,
        .feeding = options->mode == MODE_FEED,
    };
    for (size_t i = 0; i < swarm->count; i++) {
        Link *link = &swarm->links[i];
        link->socket = -1;
        link->meter = meter_new((uint32_t)(options->serial_base + (int64_t)i),
                                (uint64_t)options->seed, options->start_s, (uint32_t)options->step);
        link->pending = allocate(swarm->window, sizeof *link->pending);
    }
}

void swarm_close(Swarm *swarm)
{
    for (size_t i = 0; i < swarm->count; i++) {
        Link *link = &swarm->links[i];
        if (link->socket >= 0)
            close(link->socket);
        rest_drop(&link->unsent);
        rest_drop(&link->unread);
        free(link->pending);
    }
    free(swarm->links);
    close(swarm->epoll);
}

static void choose_source(const Swarm *swarm, const Link *link)
{
    int on = 1;
    size_t turn = (size_t)(link - swarm->links) / LINKS_OF_AN_ADDRESS;
    struct sockaddr_in source = {.sin_family = AF_INET};
    bool loopback = ntohl(swarm->options->host.s_addr) >> 24 == 127;
    if (turn == 0 || !loopback)
        return;
    source.sin_addr.s_addr = htonl(SECOND_LOOPBACK + (uint32_t)turn - 1);
    setsockopt(link->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(link->socket, (struct sockaddr *)&source, sizeof source) < 0)
        perror("loadgen: bind");
}

static bool dial(const Swarm *swarm, Link *link)
{
    int on = 1;
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)swarm->options->port),
        .sin_addr = swarm->options->host,
    };
    link->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->socket < 0)
        return false;
    setsockopt(link->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    choose_source(swarm, link);
    return connect(link->socket, (struct sockaddr *)&server, sizeof server) == 0 ||
           errno == EINPROGRESS;
}

void swarm_dial(Swarm *swarm)
{
    while (swarm->dialled < swarm->count && swarm->logging_in < (size_t)swarm->options->burst) {
        Link *link = &swarm->links[swarm->dialled++];
        swarm->logging_in++;
        link->stage = LINK_DIALLING;
        link->dialled_s = now_s();
        if (dial(swarm, link))
            link_watch(swarm, link, EPOLL_CTL_ADD, EPOLLOUT);
        else
            link_lose(swarm, link, &swarm->tally.failures);
    }
}

static void answer_call(Swarm *swarm, Link *link)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(link->socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        link_lose(swarm, link, &swarm->tally.failures);
        return;
    }
    link->stage = LINK_GREETING;
    link_watch(swarm, link, EPOLL_CTL_MOD, EPOLLIN);
    if (swarm->feeding)
        link_online(swarm, link);
    else
        uplink_greet(swarm, link);
}

static void act(Swarm *swarm, Link *link, uint32_t events)
{
    if (link->stage == LINK_DIALLING) {
        answer_call(swarm, link);
        return;
    }
    if (events & EPOLLOUT && link->unsent.size > 0)
        uplink_resume(swarm, link);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && link->stage != LINK_GONE)
        downlink_read(swarm, link);
}

void swarm_turn(Swarm *swarm, int wait_ms)
{
    struct epoll_event events[EVENTS];
    bool pieces = uplink_resume_due(swarm);
    int count = epoll_wait(swarm->epoll, events, EVENTS, pieces && wait_ms > 1 ? 1 : wait_ms);
    for (int i = 0; i < count; i++)
        act(swarm, events[i].data.ptr, events[i].events);
}
