package io.lmcache.cli.bench;

/**
 * How much the benchmark does.
 *
 * @param promptChunks chunks of the prompt that is hashed and looked up
 * @param computeRounds timed rounds of what takes less than a millisecond; as many before them are not timed
 * @param warmUps rounds of what takes longer that are not timed
 * @param copyRounds timed rounds of what copies memory
 * @param fileRounds timed rounds of what reads files
 * @param hostTierChunks chunks of 32 MiB that are copied to and from the host tier in a round
 * @param fileBytes bytes of all chunk files of one size
 * @param cachedBytes what is cached with a small heap
 * @param hostIndexChunks chunks in the index of the host tier
 * @param fileIndexChunks chunks in the index of the file tier; each is a file
 */
record Scale(
        int promptChunks,
        int computeRounds,
        int warmUps,
        int copyRounds,
        int fileRounds,
        int hostTierChunks,
        long fileBytes,
        long cachedBytes,
        int hostIndexChunks,
        int fileIndexChunks) {
    private static final long MIB = 1 << 20;

    /** All of it, as the published numbers were taken. */
    static final Scale FULL = new Scale(512, 500, 20, 100, 30, 16, 1024 * MIB, 4096 * MIB, 1_000_000, 100_000);

    /** Enough to see that every measurement works; the numbers say little. */
    static final Scale QUICK = new Scale(16, 20, 1, 3, 3, 2, 64 * MIB, 64 * MIB, 20_000, 2_000);

    /** How many chunks of that size a store holds in a round: few, for many rounds. */
    int remoteChunks(long chunkBytes) {
        return Math.toIntExact(fileBytes / 4 / chunkBytes);
    }

    /** How many chunks of that size are written to files. */
    int fileChunks(long chunkBytes) {
        return Math.toIntExact(fileBytes / chunkBytes);
    }
}
