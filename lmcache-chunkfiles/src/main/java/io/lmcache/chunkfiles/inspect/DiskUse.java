package io.lmcache.chunkfiles.inspect;

import java.util.SortedMap;

/**
 * What lies in one chunk directory and takes room. Immutable.
 *
 * @param models the chunks of each model, by its name
 * @param unknown chunk files whose header does not tell the model
 * @param metadata the metadata files beside chunks of LMCache
 * @param quarantine what failed its check and was taken away from readers
 * @param temporaries what is being written, or was when its writer died; not part of the total
 * @param isComplete whether all could be seen, but for what is another user's
 */
public record DiskUse(
        SortedMap<String, Amount> models,
        Amount unknown,
        Amount metadata,
        Amount quarantine,
        Amount temporaries,
        boolean isComplete) {
    /**
     * So many files of so many bytes on disk. Immutable.
     *
     * @param files how many
     * @param bytes what they take of the disk together
     */
    public record Amount(long files, long bytes) {
        /** Nothing. */
        public static final Amount NONE = new Amount(0, 0);

        Amount plus(Amount other) {
            return new Amount(files + other.files, bytes + other.bytes);
        }
    }

    /** What a limit of the directory's size counts. */
    public Amount total() {
        return models.values().stream()
                .reduce(Amount.NONE, Amount::plus)
                .plus(unknown)
                .plus(metadata)
                .plus(quarantine);
    }
}
