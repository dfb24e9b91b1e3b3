package io.lmcache.cli.demo;

/**
 * Products of row vectors and matrices whose results never depend on how the work is divided.
 *
 * <p>Every output element is one sum, added up in the order of the inputs, whatever else is computed beside it: that is
 * why a token's result has the same bits alone, in a batch, and after a prefix from the cache. The inner loop runs along
 * the outputs, where the compiler may use vector instructions without changing that order.
 */
final class Matrices {
    private Matrices() {}

    /** Each row of {@code inputs} times the matrix. */
    static float[][] multiply(float[][] inputs, float[][] matrix) {
        float[][] outputs = new float[inputs.length][matrix[0].length];
        // All rows use four rows of the matrix while these are in the processor's cache.
        for (int i = 0; i < matrix.length; i += 4) {
            int count = Math.min(4, matrix.length - i);
            for (int row = 0; row < inputs.length; row++) {
                addProduct(inputs[row], i, count, matrix, i, outputs[row]);
            }
        }
        return outputs;
    }

    /**
     * Adds the product of a part of {@code input} and as many rows of {@code matrix} to {@code output}, whose length
     * says how many columns are used.
     */
    static void addProduct(float[] input, int inputStart, int count, float[][] matrix, int firstRow, float[] output) {
        int i = 0;
        for (; i + 4 <= count; i += 4) {
            addFour(input, inputStart + i, matrix, firstRow + i, output);
        }
        for (; i < count; i++) {
            addOne(input[inputStart + i], matrix[firstRow + i], output);
        }
    }

    /** Four inputs for one load and store of the output; the additions have the order of four {@link #addOne}. */
    private static void addFour(float[] input, int start, float[][] matrix, int firstRow, float[] output) {
        float input0 = input[start];
        float input1 = input[start + 1];
        float input2 = input[start + 2];
        float input3 = input[start + 3];
        float[] row0 = matrix[firstRow];
        float[] row1 = matrix[firstRow + 1];
        float[] row2 = matrix[firstRow + 2];
        float[] row3 = matrix[firstRow + 3];
        for (int j = 0; j < output.length; j++) {
            output[j] = (((output[j] + input0 * row0[j]) + input1 * row1[j]) + input2 * row2[j]) + input3 * row3[j];
        }
    }

    private static void addOne(float input, float[] row, float[] output) {
        for (int j = 0; j < output.length; j++) {
            output[j] += input * row[j];
        }
    }
}
