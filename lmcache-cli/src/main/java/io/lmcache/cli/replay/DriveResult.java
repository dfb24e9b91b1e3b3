package io.lmcache.cli.replay;

import java.util.List;
import java.util.SortedMap;

/**
 * What became of a trace that was driven through a stack. Immutable.
 *
 * @param requests how many requests
 * @param tokens tokens of their prompts
 * @param tokensByTier tokens that were loaded, by the tier that had them
 * @param bytesRead bytes loaded, each compared with what was stored
 * @param bytesWritten bytes handed to the tiers
 * @param declinedTokens tokens that were not stored because there was no room
 * @param damagedChunks chunks whose bytes were not those that were stored; never anything but 0
 * @param readSeconds the time that loading took
 * @param writeSeconds the time that storing took, until the last tier was done
 * @param bareReadBytesPerSecond how fast the comparison alone is, without a cache
 * @param bareWriteBytesPerSecond how fast making the bytes alone is
 * @param retrieveMillis how long each load took that found something, shortest first
 * @param steps the requests in fifty parts, in their order
 */
public record DriveResult(
        int requests,
        long tokens,
        SortedMap<String, Long> tokensByTier,
        long bytesRead,
        long bytesWritten,
        long declinedTokens,
        long damagedChunks,
        double readSeconds,
        double writeSeconds,
        double bareReadBytesPerSecond,
        double bareWriteBytesPerSecond,
        List<Double> retrieveMillis,
        List<Part> steps) {
    /**
     * A part of the requests.
     *
     * @param bytesByTier bytes loaded, by the tier that had them
     * @param bytesWritten bytes handed to the tiers
     */
    public record Part(SortedMap<String, Long> bytesByTier, long bytesWritten) {}

    /** Copies the lists. */
    public DriveResult {
        retrieveMillis = List.copyOf(retrieveMillis);
        steps = List.copyOf(steps);
    }

    /** Bytes loaded in a second of loading. */
    public double readBytesPerSecond() {
        return readSeconds == 0 ? 0 : bytesRead / readSeconds;
    }

    /** Bytes stored in a second of storing. */
    public double writeBytesPerSecond() {
        return writeSeconds == 0 ? 0 : bytesWritten / writeSeconds;
    }

    /** How long a load took at most in that share of all cases, in milliseconds; 0 when nothing was found. */
    public double retrieveMillis(double share) {
        int last = retrieveMillis.size() - 1;
        return last < 0 ? 0 : retrieveMillis.get((int) Math.min(last, Math.ceil(share * (last + 1)) - 1));
    }
}
