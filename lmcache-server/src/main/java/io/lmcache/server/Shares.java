package io.lmcache.server;

import java.util.HashMap;
import java.util.Map;

/**
 * Slots that clients share. However many one client asks for, it has no more than its share of them, and as much is left for
 * another one that comes. Thread-safe.
 */
final class Shares {
    private final int slots;
    private final int mostOfOne;
    // Guarded by this, as is used: the slots of each client that has any.
    private final Map<Object, Integer> held = new HashMap<>();
    private int used;

    /**
     * Free slots.
     *
     * @param slots how many there are
     * @param mostOfOne the most for one client; no more than half of them, so that there is some for another
     */
    Shares(int slots, int mostOfOne) {
        this.slots = slots;
        this.mostOfOne = mostOfOne;
    }

    /** Takes a slot, which the client gives back; false when it has its share. */
    synchronized boolean tryTake(Object client) {
        int mine = held.getOrDefault(client, 0);
        int others = held.size() - (mine > 0 ? 1 : 0);
        // With this client, and the one that may come.
        int share = Math.max(1, Math.min(mostOfOne, slots / (others + 2)));
        if (mine >= share || used >= slots) {
            return false;
        }
        held.put(client, mine + 1);
        used++;
        return true;
    }

    synchronized void giveBack(Object client) {
        used--;
        int left = held.getOrDefault(client, 1) - 1;
        if (left == 0) {
            held.remove(client);
        } else {
            held.put(client, left);
        }
    }

    synchronized int used() {
        return used;
    }
}
