#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An option that is a number: where it goes (whole ones to an int64_t, others to a double) and
 * what it may be. */
typedef struct {
    const char *name, *help;
    size_t place;
    double low, high;
    bool whole;
} Number;

#define AT(member) offsetof(Options, member)

static const Number NUMBERS[] = {
    {"port", "TCP port of the server", AT(port), 1, 65535, true},
    {"connections", "meters, each with a connection", AT(connections), 1, 60000, true},
    {"window", "unanswered uploads of a connection", AT(window), 1, 256, true},
    {"glue", "uploads in one send, at most --window", AT(glue), 1, 64, true},
    {"interval", "ms between sends of a connection, paced", AT(interval_ms), 1, 1e7, false},
    {"seconds", "time to measure or to hold", AT(seconds), 0.1, 86400, false},
    {"warmup", "seconds of load before that", AT(warmup), 0, 60, false},
    {"drain", "seconds to wait for the last answers", AT(drain), 0, 60, false},
    {"count", "exactly so many uploads; no warm-up then", AT(count), 1, 1e12, true},
    {"burst", "connections logging in at once", AT(burst), 1, 60000, true},
    {"patience", "seconds until all must be registered", AT(patience), 1, 600, false},
    {"seed", "of the readings", AT(seed), 0, 4294967295.0, true},
    {"serial-base", "number of the first meter", AT(serial_base), 0, 4294000000.0, true},
    {"step", "seconds between readings of a meter", AT(step), 1, 86400, true},
};

static const char *const MODE_NAMES[] = {"closed", "paced", "storm", "idle", "feed"};

static void explain(void)
{
    puts("loadgen plays many meters against one server, and prints a line of JSON.\n\n"
         "  --protocol NAME     acrel, hj212 (4 factors) or hj212-12\n"
         "  --mode NAME         closed, paced, storm, idle or feed\n"
         "  --host ADDRESS      IPv4 address of the server\n"
         "  --start TIME        YYYY-MM-DD or YYYY-MM-DDThh:mm, the meters' clock at first\n"
         "  --server-pids A,B   processes whose CPU time and memory to report\n"
         "  --split             send in pieces");
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        printf("  --%-17s %s\n", NUMBERS[i].name, NUMBERS[i].help);
}

_Noreturn static void refuse(const char *what, const char *why)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, why);
    exit(2);
}

static int64_t parse_start(const char *text)
{
    static const char *const layouts[] = {"%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        struct tm start = {0};
        const char *end = strptime(text, layouts[i], &start);
        if (end != NULL && *end == '\0')
            return timegm(&start);
    }
    refuse("--start", "not YYYY-MM-DD or YYYY-MM-DDThh:mm");
}

static bool set_mode(Options *options, const char *text)
{
    for (size_t i = 0; i < sizeof MODE_NAMES / sizeof *MODE_NAMES; i++) {
        if (strcmp(text, MODE_NAMES[i]) != 0)
            continue;
        options->mode = (Mode)i;
        options->mode_name = MODE_NAMES[i];
        return true;
    }
    return false;
}

static bool set_number(Options *options, const Number *number, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= number->low && value <= number->high))
        return false;
    int64_t whole = (int64_t)value;
    if (number->whole && value != (double)whole)
        return false;
    char *place = (char *)options + number->place;
    if (number->whole)
        memcpy(place, &whole, sizeof whole);
    else
        memcpy(place, &value, sizeof value);
    return true;
}

/* False: there is no such option, or it cannot be that. */
static bool set(Options *options, const char *name, const char *text)
{
    if (strcmp(name, "protocol") == 0)
        return (options->wire = wire_named(text)) != NULL;
    if (strcmp(name, "mode") == 0)
        return set_mode(options, text);
    if (strcmp(name, "host") == 0)
        return inet_pton(AF_INET, text, &options->host) == 1;
    if (strcmp(name, "server-pids") == 0)
        return watched_parse(text, &options->server);
    if (strcmp(name, "start") == 0) {
        options->start_s = parse_start(text);
        return true;
    }
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        if (strcmp(name, NUMBERS[i].name) == 0)
            return set_number(options, &NUMBERS[i], text);
    }
    return false;
}

/* What is wrong only in company. */
static void check(const Options *options)
{
    bool uploads = options->mode != MODE_STORM && options->mode != MODE_IDLE;
    if (options->wire == NULL || options->port == 0)
        refuse("command line", "--protocol and --port must be given; --help lists the others");
    if (options->glue > options->window)
        refuse("--glue", "more than --window");
    if (options->mode == MODE_FEED && options->count == 0)
        refuse("--mode feed", "needs --count, for no answer ends it");
    if (options->count > 0 && !uploads)
        refuse("--count", "storm and idle mode send no uploads");
    if (options->count > 0 && options->wire->login == NULL && options->count < options->connections)
        refuse("--count", "fewer than --connections, each of which registers by an upload");
}

Options options_parse(int argc, char **argv)
{
    Options options = {
        .mode_name = MODE_NAMES[MODE_CLOSED],
        .host.s_addr = htonl(INADDR_LOOPBACK),
        .connections = 100,
        .window = 1,
        .glue = 1,
        .interval_ms = 1000,
        .seconds = 3,
        .warmup = 0.5,
        .drain = 5,
        .burst = 512,
        .patience = 30,
        .seed = 1,
        .serial_base = 1,
        .step = 60,
        .start_s = parse_start("2026-01-01"),
    };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            explain();
            exit(0);
        }
        if (strcmp(argv[i], "--split") == 0) {
            options.split = true;
            continue;
        }
        if (strncmp(argv[i], "--", 2) != 0 || i + 1 == argc)
            refuse(argv[i], "no option, or nothing behind it");
        if (!set(&options, argv[i] + 2, argv[i + 1]))
            refuse(argv[i], "unknown, or cannot be that");
        i++;
    }
    check(&options);
    return options;
}
