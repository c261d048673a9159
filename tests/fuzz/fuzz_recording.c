/*
 * Hostile bytes for the reader of recordings: opened as a file, read whole and by thread, everything borrowed touched.
 * The corpus begins with what seed_recording.c writes.
 */
#include "record/reader.h"
#include "record/snapshot.h"

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static volatile uint64_t sink;

static void touch(const struct tg_snapshot *snapshot) {
    uint64_t sum = 0;
    for (size_t i = 0; i < snapshot->row_count; i++) {
        const struct tg_snapshot_row *row = &snapshot->rows[i];
        for (size_t k = 0; k < row->name_bytes; k++) {
            sum += (unsigned char)row->name[k];
        }
        for (size_t k = 0; k < row->file_bytes; k++) {
            sum += (unsigned char)row->file[k];
        }
        sum += tg_measures_percentile(&row->measures, 99) + tg_measures_average_ns(&row->measures);
        if (row->thread != TG_ALL_THREADS) {
            sum += (unsigned char)snapshot->threads[row->thread].name[0];
        }
    }
    sink = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    fuzz_write_file(bytes, count);
    struct tg_reader reader;
    struct tg_error err;
    if (tg_reader_open(&reader, fuzz_path, &err) != TG_OK) {
        return 0;
    }
    struct tg_snapshot earlier;
    struct tg_snapshot later;
    if (tg_snapshot_take(&earlier, &reader.view, false, NULL) == TG_OK) {
        touch(&earlier);
        if (tg_snapshot_take(&later, &reader.view, true, NULL) == TG_OK) {
            touch(&later);
            for (size_t i = 0; i < later.row_count && i < earlier.row_count; i++) {
                tg_measures_subtract(&later.rows[i].measures, &earlier.rows[i].measures);
            }
            tg_snapshot_release(&later);
        }
        tg_snapshot_release(&earlier);
    }
    tg_reader_close(&reader);
    return 0;
}
