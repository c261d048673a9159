/* descriptor: see descriptor.h. */
#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD 64

int tg_descriptor_lift(int fd) {
    int moved = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
    if (moved < 0) {
        return fd; /* a low limit on descriptors: then it stays */
    }
    close(fd);
    return moved;
}

bool tg_descriptor_is(int fd, dev_t device, ino_t inode) {
    struct stat info;
    return fd >= 0 && fstat(fd, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}
