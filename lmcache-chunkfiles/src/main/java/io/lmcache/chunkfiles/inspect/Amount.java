package io.lmcache.chunkfiles.inspect;

/**
 * So many files of so many bytes. Immutable and thread-safe.
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
