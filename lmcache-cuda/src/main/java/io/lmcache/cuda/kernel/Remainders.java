package io.lmcache.cuda.kernel;

/**
 * Arithmetic of polynomials over GF(2) modulo that of CRC-32C. Bits are reflected: bit 31 is the coefficient of x^0.
 */
final class Remainders {
    private static final int POLYNOMIAL = 0x82F63B78;
    private static final int ONE = 0x80000000;

    private Remainders() {}

    /**
     * The CRC-32C of a message, given its remainder times x^32.
     *
     * @param start {@link #ofInvertedStart} for its length
     */
    static int crc32c(int remainder, int start) {
        // CRC-32C inverts the first 32 bits of the message, and the remainder at the end.
        return ~(remainder ^ start);
    }

    /** What inverting the first 32 bits adds to the remainder of a message of so many bytes. */
    static int ofInvertedStart(long bytes) {
        return multiply(-1, powerOfX(bytes * Byte.SIZE));
    }

    /** The remainder of x^n. */
    static int powerOfX(long n) {
        int power = ONE;
        int square = timesX(ONE);
        for (long rest = n; rest != 0; rest >>>= 1) {
            if ((rest & 1) != 0) {
                power = multiply(power, square);
            }
            square = multiply(square, square);
        }
        return power;
    }

    private static int multiply(int a, int b) {
        int product = 0;
        int shifted = a;
        for (int bit = ONE; bit != 0; bit >>>= 1) {
            if ((b & bit) != 0) {
                product ^= shifted;
            }
            shifted = timesX(shifted);
        }
        return product;
    }

    private static int timesX(int a) {
        return (a >>> 1) ^ ((a & 1) != 0 ? POLYNOMIAL : 0);
    }
}
