// The origin of all measurements: HTTP/1.1 keep-alive on loopback, one thread, everything prepared.
//
// usage: origin PORT
// The last segment of the path names the size: /100 (and anything unknown), /1k, /16k, /1m; below
// /chunked/ the same bytes come chunked. A request body is read to its end before the answer.
#include "sockets.h"

enum { IN_BYTES = 32 * 1024, CHUNK_BYTES = 16 * 1024 };

struct response { const char *name; size_t body; char *plain, *chunked; size_t plain_bytes, chunked_bytes; };
static struct response responses[] = {
    {.name = "100", .body = 100}, {.name = "1k", .body = 1024},
    {.name = "16k", .body = 16 * 1024}, {.name = "1m", .body = 1024 * 1024},
};

struct connection {
    int fd;
    bool closes;                      // the client asked for it
    size_t have, body_left, out_left;
    const char *out;
    const struct response *answer;    // waiting for the end of the request body
    bool answer_chunked, dead;
    char in[IN_BYTES];
};

static const char head[] =
    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "Content-Type: application/octet-stream\r\n";

static void prepare(struct response *r) {
    r->plain = malloc(r->body + 512);
    r->plain_bytes = sprintf(r->plain, "%sContent-Length: %zu\r\n\r\n", head, r->body);
    memset(r->plain + r->plain_bytes, 'x', r->body);
    r->plain_bytes += r->body;

    char *p = r->chunked = malloc(2 * r->body + 512);
    p += sprintf(p, "%sTransfer-Encoding: chunked\r\n\r\n", head);
    for (size_t left = r->body; left > 0;) {
        size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        p += sprintf(p, "%zx\r\n", size);
        memset(p, 'x', size);
        p += size + sprintf(p + size, "\r\n");
        left -= size;
    }
    p += sprintf(p, "0\r\n\r\n");
    r->chunked_bytes = p - r->chunked;
}

static const struct response *response_for(const char *path, size_t length) {
    const char *name = memrchr(path, '/', length);
    size_t rest = name ? path + length - ++name : 0;
    for (size_t i = 0; name && i < sizeof responses / sizeof *responses; i++)
        if (strlen(responses[i].name) == rest && !memcmp(responses[i].name, name, rest)) return &responses[i];
    return &responses[0];
}

static void end(struct connection *c) {
    close(c->fd);
    c->dead = true;
}

// Returns false when output is blocked or the connection is over.
static bool flush(struct connection *c) {
    while (c->out_left > 0) {
        ssize_t n = send(c->fd, c->out, c->out_left, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN) end(c);
            return false;
        }
        c->out += n;
        c->out_left -= n;
    }
    if (c->closes && !c->answer && c->out) end(c);
    return !c->dead;
}

static bool answer(struct connection *c) {
    c->out = c->answer_chunked ? c->answer->chunked : c->answer->plain;
    c->out_left = c->answer_chunked ? c->answer->chunked_bytes : c->answer->plain_bytes;
    c->answer = NULL;
    return flush(c);
}

static void read_fields(struct connection *c, char *line, const char *stop) {
    while (line < stop) {
        char *eol = memchr(line, '\n', stop - line);
        if (!strncasecmp(line, "content-length:", 15)) c->body_left = strtoul(line + 15, NULL, 10);
        if (!strncasecmp(line, "connection: close", 17)) c->closes = true;
        line = eol + 1;
    }
}

static void read_head(struct connection *c, char *stop) {
    char *path = memchr(c->in, ' ', stop - c->in), *after = path ? memchr(path + 1, ' ', stop - path - 1) : NULL;
    if (!after) return end(c);
    c->answer = response_for(path, after - path);
    c->answer_chunked = !strncmp(path, " /chunked/", 10);
    read_fields(c, memchr(after, '\n', stop - after) + 1, stop);
}

// Takes requests off the buffer. Returns false when blocked or over.
static bool consume(struct connection *c) {
    while (c->have > 0 || c->answer) {
        size_t used;
        if (c->answer) {
            used = c->body_left < c->have ? c->body_left : c->have;
            c->body_left -= used;
        } else {
            char *stop = memmem(c->in, c->have, "\r\n\r\n", 4);
            if (!stop) return true;
            read_head(c, stop + 2);
            if (c->dead) return false;
            used = stop + 4 - c->in;
        }
        c->have -= used;
        if (c->have) memmove(c->in, c->in + used, c->have);
        if (c->body_left == 0) {
            if (!answer(c)) return false;
        } else if (c->have == 0) return true;
    }
    return true;
}

static void serve(struct connection *c, uint32_t events) {
    if (!flush(c) || !consume(c)) return;
    for (;;) {
        size_t room = IN_BYTES - c->have;
        ssize_t n = recv(c->fd, c->in + c->have, room, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return end(c);
        c->have += n;
        if (!consume(c)) return;
        if ((size_t)n < room && !may_have_ended(events)) return;
    }
}

static void accept_all(int epoll, int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        watch(epoll, fd, c);
    }
}

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "usage: origin PORT\n"), 2;
    raise_descriptor_limit();
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++) prepare(&responses[i]);
    int listener = listen_on(atoi(arguments[1])), epoll = epoll_create1(EPOLL_CLOEXEC);
    watch_listener(epoll, listener);
    for (;;) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int ready = epoll_wait(epoll, events, EVENTS_PER_WAIT, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) { accept_all(epoll, listener); continue; }
            serve(c, events[i].events);
            if (c->dead) free(c);   // one event per descriptor and batch: nobody else holds it
        }
    }
}
