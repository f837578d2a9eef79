/* The measure of speed: a server that finds the frames, checks them, answers, and keeps nothing.
 *
 * One thread, one epoll; per turn and connection one recv and at most one send. Prints one line of
 * JSON when it listens and one when SIGTERM, SIGINT or the end of --seconds stops it. */
#include "crc.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512
#define READ_SIZE 65536
#define ANSWER_SIZE 65536
#define BACKLOG 4096         /* as many as Linux allows unless told otherwise */
#define ACCEPTS_IN_A_TURN 256 /* so that a storm does not starve those already there */

/* The beginning of a frame, kept until the rest comes. */
typedef struct {
    uint8_t *bytes;
    size_t size;
} Kept;

typedef struct {
    const Wire *wire;
    int epoll, listener;
    Kept *kept; /* of each connection, by its file number */
    uint64_t connections, frames, answers, noise_bytes, dropped;
    uint8_t in[LONGEST_FRAME + READ_SIZE];
    uint8_t out[ANSWER_SIZE];
} Server;

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
    (void)signal;
    stopping = 1;
}

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "refserver: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void hang_up(Server *server, int peer)
{
    free(server->kept[peer].bytes);
    server->kept[peer] = (Kept){0};
    close(peer);
}

/* False when the peer lets its answers pile up: 64 KiB of them are more than a meter has sent. */
static bool send_answers(const Server *server, int peer, size_t size)
{
    return size == 0 || send(peer, server->out, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Answers the whole frames among the size bytes that have come in; *taken tells how many bytes
 * that settles. False: hang up. */
static bool answer(Server *server, int peer, size_t size, size_t *taken)
{
    size_t at = 0, ready = 0;
    while (at < size) {
        const uint8_t *front = server->in + at;
        Scan scan = server->wire->scan(front, size - at);
        if (scan.kind == SCAN_SHORT)
            break;
        at += scan.size;
        server->noise_bytes += scan.kind == SCAN_GARBAGE ? scan.size : 0;
        if (scan.kind != SCAN_FRAME)
            continue;
        size_t answer_size = server->wire->reply(front, scan.size, server->out + ready);
        ready += answer_size;
        server->frames++;
        server->answers += answer_size > 0;
        if (ready > ANSWER_SIZE - LONGEST_REPLY) {
            if (!send_answers(server, peer, ready))
                return false;
            ready = 0;
        }
    }
    *taken = at;
    return send_answers(server, peer, ready);
}

/* Keeps size bytes in the place of what was kept; false when they are too many for a frame. */
static bool keep(Kept *kept, const uint8_t *bytes, size_t size)
{
    if (size > LONGEST_FRAME)
        return false;
    if (size != kept->size) {
        free(kept->bytes);
        kept->bytes = size > 0 ? malloc(size) : NULL;
        kept->size = kept->bytes == NULL ? 0 : size;
    }
    if (size > 0 && kept->bytes != NULL)
        memcpy(kept->bytes, bytes, size);
    return kept->size == size;
}

static void serve_peer(Server *server, int peer)
{
    Kept *kept = &server->kept[peer];
    if (kept->size > 0)
        memcpy(server->in, kept->bytes, kept->size);
    ssize_t got = recv(peer, server->in + kept->size, READ_SIZE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        hang_up(server, peer);
        return;
    }
    size_t size = kept->size + (size_t)got, taken;
    if (!answer(server, peer, size, &taken) || !keep(kept, server->in + taken, size - taken)) {
        server->dropped++;
        hang_up(server, peer);
    }
}

static void watch(const Server *server, int file)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, file, &event) < 0)
        give_up("epoll_ctl");
}

static void let_in(Server *server)
{
    int on = 1;
    for (int i = 0; i < ACCEPTS_IN_A_TURN; i++) {
        int peer = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0)
            return;
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(server, peer);
        server->connections++;
    }
}

static void serve(Server *server)
{
    struct epoll_event events[EVENTS];
    while (!stopping) {
        int count = epoll_wait(server->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == server->listener)
                let_in(server);
            else
                serve_peer(server, events[i].data.fd);
        }
    }
}

typedef struct {
    const Wire *wire;
    struct in_addr host;
    int port, seconds;
} Arguments;

static Arguments parse(int argc, char **argv)
{
    Arguments arguments = {.host.s_addr = htonl(INADDR_LOOPBACK), .port = -1, .seconds = 600};
    bool sound = argc % 2 == 1;
    for (int i = 1; sound && i < argc; i += 2) {
        if (strcmp(argv[i], "--protocol") == 0)
            arguments.wire = wire_named(argv[i + 1]);
        else if (strcmp(argv[i], "--host") == 0)
            sound = inet_pton(AF_INET, argv[i + 1], &arguments.host) == 1;
        else if (strcmp(argv[i], "--port") == 0)
            arguments.port = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seconds") == 0)
            arguments.seconds = atoi(argv[i + 1]);
        else
            sound = false;
    }
    bool ports = arguments.port >= 0 && arguments.port <= 65535;
    if (sound && arguments.wire != NULL && ports && arguments.seconds > 0)
        return arguments;
    fputs("usage: refserver --protocol acrel|hj212 --port PORT [--host 127.0.0.1] [--seconds 600]\n"
          "Port 0 leaves the choice to the kernel.\n",
          stderr);
    exit(2);
}

static int listen_at(struct in_addr host, int port)
{
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        give_up("bind");
    if (listen(listener, BACKLOG) < 0)
        give_up("listen");
    return listener;
}

static int port_of(int listener)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

/* All files that the hard limit allows; returns their number. */
static size_t allow_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

static void obey(int seconds)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGALRM};
    struct sigaction action = {.sa_handler = stop};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    alarm((unsigned)seconds);
}

int main(int argc, char **argv)
{
    static Server server;
    Arguments arguments = parse(argc, argv);

    obey(arguments.seconds);
    crc_prepare();
    server.wire = arguments.wire;
    server.kept = calloc(allow_files(), sizeof *server.kept);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.listener = listen_at(arguments.host, arguments.port);
    if (server.kept == NULL || server.epoll < 0)
        give_up("start");
    watch(&server, server.listener);
    printf("{\"listening\":%d}\n", port_of(server.listener));
    fflush(stdout);
    serve(&server);

    printf("{\"protocol\":\"%s\",\"connections\":%" PRIu64 ",\"frames\":%" PRIu64
           ",\"acks\":%" PRIu64 ",\"noise_bytes\":%" PRIu64 ",\"dropped\":%" PRIu64 "}\n",
           server.wire->name, server.connections, server.frames, server.answers,
           server.noise_bytes, server.dropped);
    free(server.kept);
    return 0;
}
