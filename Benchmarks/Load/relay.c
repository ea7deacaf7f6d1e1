// The floor: what any proxy must at least do. One worker; each client connection has its own upstream
// connection, kept as long as the client's; bytes go from one to the other and nobody looks at them.
//
// usage: relay PORT ORIGIN_PORT
#include "sockets.h"

enum { SCRATCH_BYTES = 128 * 1024 };
static char scratch[SCRATCH_BYTES];

struct side {
    int fd;
    bool peer_ended;                  // close the pair once `held` is out
    char *held;                       // output the kernel did not take; allocated when first needed
    size_t held_from, held_to;
    struct side *peer;
};
struct pair { struct side client, origin; bool dead; struct pair *next_dead; };

static struct pair *dead_pairs;       // freed after the batch: a later event of it may name the other side

static struct pair *pair_of(struct side *s) {
    return s < s->peer ? (struct pair *)s : (struct pair *)s->peer;
}

static void end(struct side *s) {
    struct pair *p = pair_of(s);
    if (p->dead) return;
    close(p->client.fd);
    close(p->origin.fd);
    p->dead = true;
    p->next_dead = dead_pairs;
    dead_pairs = p;
}

static void hold(struct side *s, const char *bytes, size_t count) {
    if (!s->held && !(s->held = malloc(SCRATCH_BYTES))) die("malloc");
    memcpy(s->held, bytes, count);
    s->held_from = 0;
    s->held_to = count;
}

static void deliver(struct side *to, const char *bytes, size_t count) {
    ssize_t n = send(to->fd, bytes, count, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return end(to);
    if (n < (ssize_t)count) hold(to, bytes + (n > 0 ? n : 0), count - (n > 0 ? n : 0));
}

static void pump(struct side *from, bool to_the_end) {
    struct side *to = from->peer;
    while (!pair_of(from)->dead && to->held_from == to->held_to) {
        ssize_t n = recv(from->fd, scratch, SCRATCH_BYTES, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return end(from);
        deliver(to, scratch, n);
        if (n < SCRATCH_BYTES && !to_the_end) return;
    }
    if (to_the_end) to->peer_ended = true;
}

static void flush(struct side *s) {
    if (s->held_from == s->held_to) return;
    ssize_t n = send(s->fd, s->held + s->held_from, s->held_to - s->held_from, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return end(s);
    if (n > 0) s->held_from += n;
    if (s->held_from == s->held_to) pump(s->peer, s->peer_ended);
}

static void ready(struct side *s, uint32_t events) {
    if (pair_of(s)->dead) return;
    if (events & EPOLLOUT) flush(s);
    if (!pair_of(s)->dead && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) pump(s, may_have_ended(events));
}

static void accept_all(int epoll, int listener, int origin_port) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int origin = connect_to(origin_port);
        if (origin < 0) { close(fd); continue; }
        struct pair *p = calloc(1, sizeof *p);
        p->client = (struct side){.fd = fd, .peer = &p->origin};
        p->origin = (struct side){.fd = origin, .peer = &p->client};
        watch(epoll, fd, &p->client);
        watch(epoll, origin, &p->origin);
    }
}

static void free_dead(void) {
    for (struct pair *p; (p = dead_pairs);) {
        dead_pairs = p->next_dead;
        free(p->client.held);
        free(p->origin.held);
        free(p);
    }
}

int main(int count, char **arguments) {
    if (count != 3) return fprintf(stderr, "usage: relay PORT ORIGIN_PORT\n"), 2;
    raise_descriptor_limit();
    int listener = listen_on(atoi(arguments[1])), epoll = epoll_create1(EPOLL_CLOEXEC);
    watch_listener(epoll, listener);
    for (;;) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_wait(epoll, events, EVENTS_PER_WAIT, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) ready(events[i].data.ptr, events[i].events);
            else accept_all(epoll, listener, atoi(arguments[2]));
        }
        free_dead();
    }
}
