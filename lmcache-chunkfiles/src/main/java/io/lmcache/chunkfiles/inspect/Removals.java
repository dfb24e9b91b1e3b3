package io.lmcache.chunkfiles.inspect;

import java.util.EnumMap;
import java.util.Map;

/**
 * What was removed from a chunk directory, or would be. Immutable.
 *
 * @param amounts how much, by the reason
 * @param kept what was to be removed and could not be, or was used meanwhile
 * @param isComplete whether all could be seen, but for what is another user's
 */
public record Removals(Map<Reason, Amount> amounts, Amount kept, boolean isComplete) {
    /** Why something goes. */
    public enum Reason {
        /** Chunks that nobody used for the time to live. */
        EXPIRED("not used for the time to live"),
        /** The least recently used chunks, since there is no room. */
        LEAST_RECENTLY_USED("least recently used"),
        /** Chunks that were chosen. */
        CHOSEN("chosen"),
        /** Chunks that are not what was stored. */
        DAMAGED("damaged"),
        /** Files in quarantine. */
        QUARANTINED("in quarantine"),
        /** Temporary files of dead writers. */
        TEMPORARY("left by dead writers"),
        /** Metadata files without a chunk. */
        METADATA("metadata without a chunk"),
        /** Directories without chunks. */
        EMPTY_DIRECTORY("empty directories"),
        /** Lock files of dead writers. */
        DEAD_WRITER("locks of dead writers");

        private final String text;

        Reason(String text) {
            this.text = text;
        }

        /** The reason as people read it. */
        public String text() {
            return text;
        }
    }

    /** Copies the map. */
    public Removals {
        amounts = new EnumMap<>(amounts);
    }

    /** All together. */
    public Amount total() {
        return amounts.values().stream().reduce(Amount.NONE, Amount::plus);
    }

    /** Whether nothing went wrong. */
    public boolean isClean() {
        return kept.files() == 0 && isComplete;
    }
}
