// Linux calls that Swift's importer cannot see (variadic, macro-based or behind _GNU_SOURCE), as static inline
// functions that return the result or -errno. _GNU_SOURCE stays undefined: it turns the socket address
// arguments into transparent unions, which Swift refuses.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLINUX_RESULT(expression) ({ __typeof__(expression) r_ = (expression); r_ < 0 ? -errno : (int)r_; })
#define CLINUX_LONG(expression) ({ long r_ = (long)(expression); r_ < 0 ? -(long)errno : r_; })

// epoll: the 64-bit user word is the address of the event source.
static inline int clinux_epoll_create(void) { return CLINUX_RESULT(epoll_create1(EPOLL_CLOEXEC)); }
static inline int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t word) {
    struct epoll_event event = {.events = events, .data = {.u64 = word}};
    return CLINUX_RESULT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
static inline int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t word) {
    struct epoll_event event = {.events = events, .data = {.u64 = word}};
    return CLINUX_RESULT(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
}
static inline int clinux_epoll_remove(int epoll, int fd) {
    struct epoll_event event = {0};
    return CLINUX_RESULT(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event));
}
static inline int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds) {
    return CLINUX_RESULT(epoll_wait(epoll, events, count, milliseconds));
}
static inline uint64_t clinux_epoll_word(const struct epoll_event *event) { return event->data.u64; }

static inline int clinux_eventfd(void) { return CLINUX_RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

// sockets. An IP address and port travel as plain numbers: the kernel's structures belong to headers that other C
// libraries include too, and Swift cannot tell whose they are.
typedef struct {
    uint64_t high, low; /* the 128 bits of the address, IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
    uint8_t is_ip;
} clinux_address;

static inline socklen_t clinux_to_kernel(clinux_address address, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address.high == 0 && address.low >> 32 == 0xffff) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        v4->sin_addr.s_addr = htonl((uint32_t)address.low);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    for (int i = 0; i < 8; i++) {
        v6->sin6_addr.s6_addr[i] = (uint8_t)(address.high >> (56 - 8 * i));
        v6->sin6_addr.s6_addr[8 + i] = (uint8_t)(address.low >> (56 - 8 * i));
    }
    return sizeof *v6;
}
static inline clinux_address clinux_from_kernel(const struct sockaddr_storage *storage) {
    clinux_address address = {0};
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        address.low = 0xffff00000000u | ntohl(v4->sin_addr.s_addr);
        address.port = ntohs(v4->sin_port);
        address.is_ip = 1;
    } else if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
        for (int i = 0; i < 8; i++) {
            address.high = address.high << 8 | v6->sin6_addr.s6_addr[i];
            address.low = address.low << 8 | v6->sin6_addr.s6_addr[8 + i];
        }
        address.port = ntohs(v6->sin6_port);
        address.is_ip = 1;
    }
    return address;
}
static inline int clinux_socket(int family) {
    return CLINUX_RESULT(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
static inline int clinux_datagram_socket(int family) {
    return CLINUX_RESULT(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
/// Of a structure some library made, `length` bytes long.
static inline clinux_address clinux_address_of(const void *kernel, uint32_t length) {
    struct sockaddr_storage storage = {0};
    memcpy(&storage, kernel, length < sizeof storage ? length : sizeof storage);
    return clinux_from_kernel(&storage);
}
static inline int clinux_accept(int fd, clinux_address *peer) {
    // accept4 is declared under _GNU_SOURCE only.
    struct sockaddr_storage storage = {0};
    socklen_t length = sizeof storage;
    int r = CLINUX_RESULT(syscall(SYS_accept4, fd, &storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    *peer = clinux_from_kernel(&storage);
    return r;
}
static inline int clinux_bind(int fd, clinux_address address) {
    struct sockaddr_storage storage;
    socklen_t length = clinux_to_kernel(address, &storage);
    return CLINUX_RESULT(bind(fd, (struct sockaddr *)&storage, length));
}
static inline int clinux_duplicate(int fd) { return CLINUX_RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
static inline int clinux_listen(int fd, int backlog) { return CLINUX_RESULT(listen(fd, backlog)); }
static inline int clinux_connect(int fd, clinux_address address) {
    struct sockaddr_storage storage;
    socklen_t length = clinux_to_kernel(address, &storage);
    return CLINUX_RESULT(connect(fd, (struct sockaddr *)&storage, length));
}
static inline clinux_address clinux_local_address(int fd) {
    struct sockaddr_storage storage = {0};
    socklen_t length = sizeof storage;
    getsockname(fd, (struct sockaddr *)&storage, &length);
    return clinux_from_kernel(&storage);
}
static inline int clinux_set_option(int fd, int level, int name, int value) {
    return CLINUX_RESULT(setsockopt(fd, level, name, &value, sizeof value));
}
static inline int clinux_set_linger_zero(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return CLINUX_RESULT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}
static inline int clinux_socket_error(int fd) {
    int value = 0;
    socklen_t length = sizeof value;
    int r = CLINUX_RESULT(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length));
    return r < 0 ? r : -value;
}
// Straight system calls, of four and two that are zero: glibc's wrappers mark each call as a point where a thread may be
// cancelled, which none of ours is, and `syscall` shuffles registers and stores what the kernel returns as it is needed here.
static inline long clinux_transfer(long number, int fd, const void *bytes, size_t count, long flags) {
#if defined(__x86_64__)
    register long r10 __asm__("r10") = flags;
    register long r8 __asm__("r8") = 0;
    register long r9 __asm__("r9") = 0;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"((long)fd), "S"(bytes), "d"(count), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    return CLINUX_LONG(syscall(number, fd, bytes, count, flags, NULL, 0));
#endif
}
static inline long clinux_recv(int fd, void *bytes, size_t count) { return clinux_transfer(SYS_recvfrom, fd, bytes, count, 0); }
static inline long clinux_peek(int fd, void *bytes, size_t count) {
    return CLINUX_LONG(recv(fd, bytes, count, MSG_PEEK));
}
static inline long clinux_send(int fd, const void *bytes, size_t count) {
    return clinux_transfer(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL);
}
static inline long clinux_send_vector(int fd, const struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    return CLINUX_LONG(sendmsg(fd, &message, MSG_NOSIGNAL));
}
static inline int clinux_shutdown_write(int fd) { return CLINUX_RESULT(shutdown(fd, SHUT_WR)); }
/// Bytes written that the peer's kernel has not acknowledged.
static inline int clinux_unacknowledged(int fd) {
    int count = 0;
    return ioctl(fd, TIOCOUTQ, &count) == 0 ? count : 0;
}
static inline int clinux_close(int fd) { return CLINUX_RESULT(close(fd)); }

// TLS records made by the kernel, of what a socket sends (Documentation/networking/tls.rst).
/// The length of a kernel's structure with a key, by the cipher that its head names; 0 for ciphers that are not ours.
static inline socklen_t clinux_tls_key_length(const void *key) {
    switch (((const struct tls_crypto_info *)key)->cipher_type) {
    case TLS_CIPHER_AES_GCM_128: return sizeof(struct tls12_crypto_info_aes_gcm_128);
    case TLS_CIPHER_AES_GCM_256: return sizeof(struct tls12_crypto_info_aes_gcm_256);
    case TLS_CIPHER_CHACHA20_POLY1305: return sizeof(struct tls12_crypto_info_chacha20_poly1305);
    default: return 0;
    }
}
/// From here on the kernel encrypts what the socket sends. If it does not want to, the socket stays as it was.
static inline int clinux_tls_send_by(int fd, const void *key) {
    int r = CLINUX_RESULT(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls"));
    return r < 0 ? r : CLINUX_RESULT(setsockopt(fd, SOL_TLS, TLS_TX, key, clinux_tls_key_length(key)));
}
/// Asks the kernel whether it has a cipher, on a connection of the process with itself. 0 or -errno.
static inline int clinux_tls_try(uint16_t version, uint16_t cipher) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    unsigned char key[sizeof(struct tls12_crypto_info_aes_gcm_256)] = {0};
    struct tls_crypto_info head = {.version = version, .cipher_type = cipher};
    memcpy(key, &head, sizeof head);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = CLINUX_RESULT(bind(listener, (struct sockaddr *)&address, length));
    if (r == 0) r = CLINUX_RESULT(listen(listener, 1));
    if (r == 0) r = CLINUX_RESULT(getsockname(listener, (struct sockaddr *)&address, &length));
    if (r == 0) r = CLINUX_RESULT(connect(client, (struct sockaddr *)&address, length));
    if (r == 0) r = clinux_tls_send_by(client, key);
    if (listener >= 0) close(listener);
    if (client >= 0) close(client);
    return r;
}
/// Sends bytes as a record of a type other than application data.
static inline long clinux_tls_send_record(int fd, uint8_t type, const void *bytes, size_t count) {
    union { struct cmsghdr head; char bytes[CMSG_SPACE(sizeof(uint8_t))]; } control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.head = (struct cmsghdr){.cmsg_level = SOL_TLS, .cmsg_type = TLS_SET_RECORD_TYPE, .cmsg_len = CMSG_LEN(sizeof type)};
    *CMSG_DATA(&control.head) = type;
    return CLINUX_LONG(sendmsg(fd, &message, MSG_NOSIGNAL));
}
/// Whether there is room for more, by the kernel's own measure; if not, the next edge is one of writability.
static inline int clinux_is_writable(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return poll(&wanted, 1, 0) != 0;
}

// splice through a pipe: bodies that nobody needs to see never enter user space.
#define CLINUX_SPLICE_FLAGS 3u /* SPLICE_F_MOVE | SPLICE_F_NONBLOCK */
static inline long clinux_splice(int from, int to, size_t count) {
    return CLINUX_LONG(syscall(SYS_splice, from, NULL, to, NULL, count, CLINUX_SPLICE_FLAGS));
}
static inline int clinux_pipe(int ends[2]) { return CLINUX_RESULT(syscall(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK)); }
static inline int clinux_set_pipe_size(int fd, int bytes) { return CLINUX_RESULT(fcntl(fd, 1031 /* F_SETPIPE_SZ */, bytes)); }

// files
static inline int clinux_open_read(const char *path) { return CLINUX_RESULT(open(path, O_RDONLY | O_CLOEXEC)); }
static inline int clinux_open_append(const char *path) {
    return CLINUX_RESULT(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
}
/// For secrets: nobody else may read it.
static inline int clinux_open_append_private(const char *path) {
    return CLINUX_RESULT(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}
static inline long clinux_read(int fd, void *bytes, size_t count) { return CLINUX_LONG(read(fd, bytes, count)); }
static inline long clinux_write(int fd, const void *bytes, size_t count) { return CLINUX_LONG(write(fd, bytes, count)); }
static inline int clinux_inotify(void) { return CLINUX_RESULT(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)); }

/// Sets how many descriptors a process may have (soft limit; the hard one stays).
static inline int clinux_limit_descriptors(pid_t process, uint64_t count) {
    // struct rlimit64; prlimit is declared under _GNU_SOURCE only.
    uint64_t limits[2];
    int r = CLINUX_RESULT(syscall(SYS_prlimit64, process, RLIMIT_NOFILE, NULL, limits));
    if (r < 0) return r;
    limits[0] = count;
    return CLINUX_RESULT(syscall(SYS_prlimit64, process, RLIMIT_NOFILE, limits, NULL));
}

// memory
/// Asks for huge pages below a range, whose look-ups then miss the TLB no more.
static inline void clinux_advise_huge(void *start, size_t length) {
#ifdef MADV_HUGEPAGE
    madvise(start, length, MADV_HUGEPAGE);
#endif
}
/// Gives freed heap memory back to the system.
static inline void clinux_trim_heap(void) { malloc_trim(0); }
static inline void clinux_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// time
static inline uint64_t clinux_now_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t clinux_wall_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// signals
static inline int clinux_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return CLINUX_RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}
/// Writing to a pipe or connection that nobody reads is an error from here on, not the process's end.
static inline void clinux_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }
/// The next pending signal's number, 0 if there is none.
static inline int clinux_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

/// Starts a joinable thread with a small stack; body gets argument. 0 or -errno.
static inline int clinux_thread_start(pthread_t *thread, size_t stack_bytes, void *(*body)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    int r = pthread_create(thread, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    return -r;
}

/// Lets this thread go behind the others of the process: by so many steps of niceness, and by turns of the processor so long that
/// one of theirs, when it wakes, interrupts them (Linux 6.12). Linux counts both per thread.
static inline void clinux_go_behind(int steps, uint64_t turn_nanoseconds) {
    // struct sched_attr, which glibc declares only lately: size, policy, flags, nice, priority, runtime, deadline, period.
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } attributes = {0};
    attributes.size = sizeof attributes;
    attributes.nice = getpriority(PRIO_PROCESS, 0) + steps;
    attributes.runtime = turn_nanoseconds;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/// The processors that this thread may run on; at least 1.
static inline int clinux_processor_count(void) {
    // cpu_set_t is declared under _GNU_SOURCE only.
    unsigned long bits[16] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof bits, bits);
    int count = 0;
    for (long i = 0; i * (long)sizeof bits[0] < bytes; i++) count += __builtin_popcountl(bits[i]);
    return count > 0 ? count : 1;
}

extern char **environ;
static inline char **clinux_environment(void) { return environ; }
