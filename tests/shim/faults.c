/* Faults of the system under one process: a disk that hangs, and a time of day that is wrong. Loaded with LD_PRELOAD.
 *
 * FAULT_HANG: while this file exists, files of the ledger are not synced. What waits is told by a file beside it, named
 *             the same with ".reached" at its end.
 * FAULT_TIME: what this file holds, a count of seconds, is added to the time of day.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int is_ledger(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "ledger.sqlite") != NULL;
}

static void hang(int file)
{
    const char *fault = getenv("FAULT_HANG");
    if (fault == NULL || access(fault, F_OK) != 0 || !is_ledger(file))
        return;
    char reached[4096];
    snprintf(reached, sizeof reached, "%s.reached", fault);
    int mark = open(reached, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (mark >= 0)
        close(mark);
    while (access(fault, F_OK) == 0)
        usleep(5000);
}

int fsync(int file)
{
    hang(file);
    return syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    hang(file);
    return syscall(SYS_fdatasync, file);
}

static long added(void)
{
    const char *fault = getenv("FAULT_TIME");
    char text[32];
    int file = fault == NULL ? -1 : open(fault, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int done = syscall(SYS_clock_gettime, clock, time);
    if (done == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += added();
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return done;
}
