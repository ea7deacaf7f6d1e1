// A closed loop: each connection sends its next request when its last answer is complete. Every answer must be
// 200 with exactly the expected bytes; anything else is counted by kind. Prints one line of JSON.
//
// usage: load --port P [--connections 64] [--seconds 1.5 | --requests N] [--method GET] [--host H] [--path /100]
//             [--body BYTES] [--expect BYTES] [--close] [--hold] [--list FILE]
//   --close  a connection per request      --hold  one request per connection, then wait idle for SIGTERM
//   --tls    TLS 1.3 with AES-128, so that all servers do the same work      --resume  sessions that the server gave
//   --list   lines "METHOD HOST PATH BODY_BYTES EXPECTED_BYTES", taken at random
#include "sockets.h"
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <time.h>

enum { HEAD_BYTES = 8192, SCRATCH_BYTES = 256 * 1024, STALL_SECONDS = 10, FAILURES_MAX = 10000, RAMP = 64 };

struct request { const char *bytes; size_t count, expected; };
enum phase { PARKED, HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, TRAILER, CLOSING };
struct connection {
    int fd;
    SSL *ssl;
    enum phase phase;
    const struct request *request;
    size_t sent, head_have, left, body, line;
    bool server_closes;
    unsigned incarnation;             // changes with the socket; descriptor numbers come back
    uint64_t began;
    char head[HEAD_BYTES];
};

static int port = 0, connections = 64;
static double seconds = 1.5;
static uint64_t requests_max = UINT64_MAX;
static bool closes, holds, encrypts, resumes;
static SSL_CTX *tls;
static SSL_SESSION *session;
static struct request *requests;
static size_t request_count;

static int epoll;
static char scratch[SCRATCH_BYTES];
static uint64_t deadline, started, completed, in_flight, opened, resumed, last_done, bytes_received;
static uint64_t bad_status, bad_length, resets, truncated, refused, stalled;

// Latencies: 64 steps per power of two, so 1.6 % at most.
static uint64_t histogram[64 * 64];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void record(uint64_t ns) {
    int power = 63 - __builtin_clzll(ns | 64);
    histogram[(power - 5) * 64 + ((ns >> (power - 6)) & 63)]++;
}

static double percentile_us(double share) {
    uint64_t wanted = (uint64_t)(share * (completed - 1)) + 1, seen = 0;
    for (int i = 0; completed && i < 64 * 59; i++)
        if ((seen += histogram[i]) >= wanted) return (double)((64ull + i % 64) << (i / 64 + 5 - 6)) / 1000;
    return 0;
}

static uint64_t failures(void) { return bad_status + bad_length + resets + truncated + refused + stalled; }

static const struct request *next_request(void) {
    static uint64_t state = 0x9e3779b97f4a7c15;
    if (request_count == 1) return requests;
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return &requests[state % request_count];
}

static bool may_start(void) {
    return started < requests_max && failures() < FAILURES_MAX && (deadline == 0 || now() < deadline);
}

static void open_connection(struct connection *c);

static int keep_session(SSL *ssl, SSL_SESSION *given) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = given;
    return 1;
}

static void set_up_tls(void) {
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(tls, "X25519");
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (!resumes) return;
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, keep_session);
}

static void encrypt(struct connection *c) {
    if (!(c->ssl = SSL_new(tls)) || !SSL_set_fd(c->ssl, c->fd)) die("SSL_new");
    SSL_set_connect_state(c->ssl);
    if (resumes && session) SSL_set_session(c->ssl, session);
}

// As of the socket: what OpenSSL waits for is EAGAIN. The handshake happens on the way.
static ssize_t of_tls(struct connection *c, int result) {
    if (result > 0) return result;
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ: case SSL_ERROR_WANT_WRITE: errno = EAGAIN; break;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: if (errno == 0) return 0; break;
    default: errno = ECONNRESET;
    }
    ERR_clear_error();
    return -1;
}

static ssize_t receive(struct connection *c, void *bytes, size_t count) {
    return c->ssl ? of_tls(c, SSL_read(c->ssl, bytes, count)) : recv(c->fd, bytes, count, 0);
}

static ssize_t transmit(struct connection *c, const void *bytes, size_t count) {
    return c->ssl ? of_tls(c, SSL_write(c->ssl, bytes, count)) : send(c->fd, bytes, count, MSG_NOSIGNAL);
}

static void park(struct connection *c) {
    if (c->ssl) {
        resumed += SSL_session_reused(c->ssl);
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN);   // otherwise its session would count as broken
        SSL_free(c->ssl);
    }
    c->ssl = NULL;
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->incarnation++;
    c->phase = PARKED;
}

static void fail(struct connection *c, uint64_t *kind) {
    (*kind)++;
    in_flight--;
    park(c);
    if (!holds && may_start()) open_connection(c);
}

static void fail_by_errno(struct connection *c) {
    fail(c, errno == ECONNREFUSED || errno == ETIMEDOUT ? &refused : &resets);
}

// Returns false when the connection failed.
static bool send_rest(struct connection *c) {
    const struct request *r = c->request;
    if (c->sent == r->count) return true;
    ssize_t n = transmit(c, r->bytes + c->sent, r->count - c->sent);
    if (n > 0) c->sent += n;
    if (n >= 0 || errno == EAGAIN) return true;
    fail_by_errno(c);
    return false;
}

static void begin(struct connection *c) {
    c->request = next_request();
    c->phase = HEAD;
    c->sent = c->head_have = c->body = c->line = 0;
    c->server_closes = false;
    c->began = now();
    started++;
    in_flight++;
}

static void open_connection(struct connection *c) {
    begin(c);
    opened++;
    c->fd = connect_to(port);
    if (c->fd < 0) return fail_by_errno(c);
    if (encrypts) encrypt(c);
    watch(epoll, c->fd, c);           // its first OUT edge sends the request
}

static void complete(struct connection *c) {
    last_done = now();
    record(last_done - c->began);
    completed++;
    in_flight--;
    if (holds) { c->phase = PARKED; return; }
    bool again = may_start();
    if (closes || c->server_closes || !again) {
        park(c);
        if (again) open_connection(c);
    } else {
        begin(c);
        send_rest(c);
    }
}

// `excess` counts bytes behind the answer that nobody asked for.
static void body_done(struct connection *c, size_t excess) {
    if (c->body != c->request->expected || excess) fail(c, &bad_length);
    else if (closes || c->server_closes) c->phase = CLOSING;    // complete only when the peer ends it cleanly
    else complete(c);
}

// Reads status and framing. Returns false when the connection failed.
static bool read_head(struct connection *c, const char *stop) {
    if (strncmp(c->head, "HTTP/1.1 200", 12)) return fail(c, &bad_status), false;
    bool framed = false;
    for (const char *line = c->head; line < stop; line = (char *)memchr(line, '\n', stop + 2 - line) + 1) {
        if (!strncasecmp(line, "content-length:", 15)) {
            c->left = strtoul(line + 15, NULL, 10);
            c->phase = BODY;
            framed = true;
        } else if (!strncasecmp(line, "transfer-encoding: chunked", 26)) {
            c->phase = CHUNK_SIZE;
            c->left = 0;
            framed = true;
        } else if (!strncasecmp(line, "connection: close", 17)) c->server_closes = true;
    }
    if (!framed) return fail(c, &bad_length), false;
    return true;
}

// Returns the bytes of `p` that belong to the head, or -1 when the connection failed.
static ssize_t take_head(struct connection *c, const char *p, size_t n) {
    size_t before = c->head_have, room = HEAD_BYTES - 1 - before, taken = n < room ? n : room;
    memcpy(c->head + before, p, taken);
    c->head_have += taken;
    c->head[c->head_have] = 0;
    char *stop = memmem(c->head, c->head_have, "\r\n\r\n", 4);
    if (!stop) return taken == room ? fail(c, &bad_length), -1 : (ssize_t)taken;
    if (!read_head(c, stop)) return -1;
    return stop + 4 - c->head - before;
}

static void take_chunk_line(struct connection *c, char byte) {
    if (byte == '\n') {
        c->body += c->left;
        c->phase = c->left ? CHUNK_DATA : TRAILER;
        c->left += c->left ? 2 : 0;   // the line end behind the data
        c->line = 0;
    } else if (byte == ';') {
        c->line = 1;                  // an extension: not ours to read
    } else if (byte != '\r' && !c->line) {
        c->left = c->left * 16 + (byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
    }
}

static void take_body(struct connection *c, size_t used) {
    c->left -= used;
    if (c->phase == BODY) c->body += used;
    else if (c->left == 0) c->phase = CHUNK_SIZE;
}

static bool take_trailer_byte(struct connection *c, char byte) {
    if (byte == '\n' && c->line == 0) return true;
    c->line = byte == '\n' ? 0 : c->line + (byte != '\r');
    return false;
}

static void feed(struct connection *c, const char *p, size_t n) {
    while (n > 0) {
        ssize_t used = 1;
        bool done = false;
        switch (c->phase) {
        case HEAD:
            if ((used = take_head(c, p, n)) < 0) return;
            done = c->phase == BODY && c->left == 0;
            break;
        case BODY: case CHUNK_DATA:
            take_body(c, used = n < c->left ? n : c->left);
            done = c->phase == BODY && c->left == 0;
            break;
        case CHUNK_SIZE: take_chunk_line(c, *p); break;
        case TRAILER: done = take_trailer_byte(c, *p); break;
        case PARKED: case CLOSING: return fail(c, &bad_length);
        }
        p += used;
        n -= used;
        if (done) return body_done(c, n);
    }
}

static void ended(struct connection *c) {
    if (c->phase == CLOSING) return complete(c);
    if (c->phase != PARKED) return fail(c, &truncated);
    truncated++;                      // a held connection the server gave up
    park(c);
}

static void ready(struct connection *c, uint32_t events) {
    if (c->fd < 0 || (c->phase != PARKED && !send_rest(c))) return;
    unsigned incarnation = c->incarnation;
    for (;;) {
        ssize_t n = receive(c, scratch, SCRATCH_BYTES);
        if (n < 0 && errno == EAGAIN) return;
        if (n == 0 || (n < 0 && c->phase == PARKED)) return ended(c);
        if (n < 0) return fail_by_errno(c);
        bytes_received += n;
        feed(c, scratch, n);
        if (c->incarnation != incarnation || (!c->ssl && n < SCRATCH_BYTES && !may_have_ended(events))) return;
    }
}

static void add_request(const char *method, const char *host, const char *path, size_t body, size_t expected) {
    static size_t room;
    if (request_count == room) requests = realloc(requests, (room = room ? 2 * room : 1) * sizeof *requests);
    char length[64] = "";
    if (body) sprintf(length, "Content-Length: %zu\r\n", body);
    char *bytes;
    int head = asprintf(&bytes, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load/1\r\nAccept: */*\r\n%s%s\r\n",
                        method, path, host, length, closes ? "Connection: close\r\n" : "");
    if (body) memset((bytes = realloc(bytes, head + body)) + head, 'y', body);
    requests[request_count++] = (struct request){bytes, head + body, expected};
}

static void read_list(const char *name) {
    FILE *file = fopen(name, "r");
    char method[16], host[256], path[2048];
    size_t body, expected;
    if (!file) die(name);
    while (fscanf(file, "%15s %255s %2047s %zu %zu", method, host, path, &body, &expected) == 5)
        add_request(method, host, path, body, expected);
    fclose(file);
    if (!request_count) die("empty list");
}

static void parse(int count, char **arguments) {
    const char *method = "GET", *host = "bench.test", *path = "/100", *list = NULL;
    size_t body = 0, expected = 100;
    static const struct option options[] = {
        {"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'}, {"requests", 1, 0, 'n'},
        {"method", 1, 0, 'm'}, {"host", 1, 0, 'h'}, {"path", 1, 0, 'u'}, {"body", 1, 0, 'b'}, {"expect", 1, 0, 'e'},
        {"close", 0, 0, 'C'}, {"hold", 0, 0, 'H'}, {"list", 1, 0, 'l'},
        {"tls", 0, 0, 't'}, {"resume", 0, 0, 'r'}, {0}};
    for (int o; (o = getopt_long(count, arguments, "", options, NULL)) != -1;) switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'n': requests_max = strtoull(optarg, NULL, 10); seconds = 0; break;
        case 'm': method = optarg; break;
        case 'h': host = optarg; break;
        case 'u': path = optarg; break;
        case 'b': body = strtoul(optarg, NULL, 10); break;
        case 'e': expected = strtoul(optarg, NULL, 10); break;
        case 'C': closes = true; break;
        case 'H': holds = true; seconds = 0; break;
        case 't': encrypts = true; break;
        case 'r': resumes = true; break;
        case 'l': list = optarg; break;
        default: exit(2);
    }
    if (!port) exit((fprintf(stderr, "load: --port is missing\n"), 2));
    if (list) read_list(list);
    else add_request(method, host, path, body, expected);
}

static void report(uint64_t began) {
    printf("{\"requests\": %lu, \"seconds\": %.4f, \"bytes\": %lu, \"connections\": %lu, \"resumed\": %lu, \"failed\": %lu, "
           "\"status\": %lu, \"length\": %lu, \"reset\": %lu, \"truncated\": %lu, \"refused\": %lu, \"stalled\": %lu, "
           "\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n",
           completed, (last_done > began ? last_done - began : 0) / 1e9, bytes_received, opened, resumed, failures(),
           bad_status, bad_length, resets, truncated, refused, stalled,
           percentile_us(.5), percentile_us(.9), percentile_us(.99), percentile_us(.999));
    fflush(stdout);
}

// Opens what is still missing: all at once, or when holding a few at a time so that no backlog overflows.
static void open_more(struct connection *all) {
    while ((int)opened < connections && (!holds || in_flight < RAMP) && may_start()) open_connection(&all[opened]);
}

static void run(struct connection *all) {
    uint64_t last_change = now(), last_count = 0;
    open_more(all);
    while (in_flight > 0) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_wait(epoll, events, EVENTS_PER_WAIT, 1000);
        for (int i = 0; i < count; i++) ready(events[i].data.ptr, events[i].events);
        if (holds) open_more(all);
        if (completed != last_count) last_change = now(), last_count = completed;
        if (now() - last_change > STALL_SECONDS * 1000000000ull) { stalled += in_flight; break; }
    }
}

int main(int count, char **arguments) {
    raise_descriptor_limit();
    parse(count, arguments);
    if (encrypts) set_up_tls();
    signal(SIGPIPE, SIG_IGN);
    struct connection *all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) all[i].fd = -1;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t began = last_done = now();
    deadline = seconds > 0 ? began + (uint64_t)(seconds * 1e9) : 0;
    if (holds) requests_max = connections;
    run(all);
    report(began);
    if (holds) pause();
    return failures() ? 1 : 0;
}
