package io.lmcache.cli.replay;

import java.util.Arrays;

/**
 * Numbers identifiers from 0, in the order in which they are first seen: a map by open addressing, at most 48 bytes for
 * each identifier while it grows. Used by one thread.
 */
final class BlockNumbers {
    private static final int FREE = -1;

    private long[] identifiers = new long[1024];
    private int[] numbers = free(1024);
    private int known;
    private int size;

    private static int[] free(int slots) {
        int[] numbers = new int[slots];
        Arrays.fill(numbers, FREE);
        return numbers;
    }

    /** The number of that identifier, a new one if it is new. */
    int of(long identifier) {
        int slot = slot(identifier);
        if (numbers[slot] != FREE) {
            return numbers[slot];
        }
        identifiers[slot] = identifier;
        numbers[slot] = size++;
        known++;
        if (known > numbers.length / 4 * 3) {
            grow();
        }
        return size - 1;
    }

    /** Forgets the identifiers; numbers go on. */
    void forget() {
        Arrays.fill(numbers, FREE);
        known = 0;
    }

    int size() {
        return size;
    }

    private int slot(long identifier) {
        int mask = numbers.length - 1;
        int slot = (int) ((identifier * 0x9E37_79B9_7F4A_7C15L) >>> 32) & mask;
        while (numbers[slot] != FREE && identifiers[slot] != identifier) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private void grow() {
        long[] oldIdentifiers = identifiers;
        int[] oldNumbers = numbers;
        identifiers = new long[oldNumbers.length * 2];
        numbers = free(oldNumbers.length * 2);
        for (int i = 0; i < oldNumbers.length; i++) {
            if (oldNumbers[i] != FREE) {
                int slot = slot(oldIdentifiers[i]);
                identifiers[slot] = oldIdentifiers[i];
                numbers[slot] = oldNumbers[i];
            }
        }
    }
}
