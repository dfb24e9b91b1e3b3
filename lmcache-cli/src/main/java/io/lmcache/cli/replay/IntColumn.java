package io.lmcache.cli.replay;

import java.util.Arrays;

/** Numbers in a row that grows. Used by one thread. */
final class IntColumn {
    private int[] values = new int[1024];
    private int size;

    void add(int value) {
        if (size == values.length) {
            values = Arrays.copyOf(values, size + (size >> 1));
        }
        values[size++] = value;
    }

    void removeLast() {
        size--;
    }

    void setLast(int value) {
        values[size - 1] = value;
    }

    int size() {
        return size;
    }

    int[] toArray() {
        return Arrays.copyOf(values, size);
    }
}
