package io.lmcache.chunkfiles.inspect;

/**
 * What became of a check of all chunks. Immutable.
 *
 * @param sound chunks that are what was stored, as far as their files can tell
 * @param damaged files that are not, or could not be read
 * @param bytes the length of all files that were checked
 * @param isComplete whether all could be seen, but for what is another user's
 */
public record Verification(long sound, long damaged, long bytes, boolean isComplete) {
    /** Whether nothing was found amiss. */
    public boolean isClean() {
        return damaged == 0 && isComplete;
    }
}
