/* Recordings are what live figures are made of. */
#include "seed_recording.c"
