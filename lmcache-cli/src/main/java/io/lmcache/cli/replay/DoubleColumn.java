package io.lmcache.cli.replay;

import java.util.Arrays;

/** Numbers in a row that grows. Used by one thread. */
final class DoubleColumn {
    private double[] values = new double[1024];
    private int size;

    void add(double value) {
        if (size == values.length) {
            values = Arrays.copyOf(values, size + (size >> 1));
        }
        values[size++] = value;
    }

    void removeLast() {
        size--;
    }

    void setLast(double value) {
        values[size - 1] = value;
    }

    double[] toArray() {
        return Arrays.copyOf(values, size);
    }
}
