package io.lmcache.api.spi;

/** Writes evictions into a flight recording, where one is made. Stateless and thread-safe. */
public final class Evictions {
    private Evictions() {}

    /**
     * A chunk was removed to make room.
     *
     * @param place where it was: the name of the backend, or its directory
     * @param reason why it was chosen, such as {@code evicted} or {@code expired}
     * @param bytes what it took there
     */
    public static void record(String place, String reason, long bytes) {
        EvictionEvent event = new EvictionEvent();
        if (event.shouldCommit()) {
            event.place = place;
            event.reason = reason;
            event.bytes = bytes;
            event.commit();
        }
    }
}
