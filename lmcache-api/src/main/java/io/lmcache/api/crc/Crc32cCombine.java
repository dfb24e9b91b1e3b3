package io.lmcache.api.crc;

/**
 * Arithmetic on CRC-32C values: the checksum of two texts in a row from the checksums of each.
 *
 * <p>A CRC is the remainder of a polynomial over GF(2), so appending {@code n} bytes multiplies what came before by
 * {@code x^(8n)}. Polynomials are held bit-reversed, as CRC-32C is: bit 31 is the coefficient of {@code x^0}.
 * Stateless and thread-safe.
 */
public final class Crc32cCombine {
    private static final int POLYNOMIAL = 0x82F63B78;
    private static final int ONE = 1 << 31;
    private static final int X = 1 << 30;

    private Crc32cCombine() {}

    /** The CRC-32C of a text followed by another of so many bytes. */
    public static int concat(int first, int second, long secondBytes) {
        return shift(first, secondBytes) ^ second;
    }

    /** The CRC-32C of the second text, of so many bytes, from that of the first and that of both in a row. */
    public static int second(int first, int both, long secondBytes) {
        return both ^ shift(first, secondBytes);
    }

    /**
     * What the CRC-32C of a text contributes to the CRC-32C of that text followed by so many bytes. For minus one, it is what
     * inverting the first 32 bits of a text of so many bytes adds to its remainder, as CRC-32C does.
     */
    public static int shift(int crc, long bytes) {
        int product = crc;
        int power = X;
        for (long bits = Math.multiplyExact(bytes, 8L); bits != 0; bits >>>= 1) {
            if ((bits & 1) != 0) {
                product = multiply(product, power);
            }
            power = multiply(power, power);
        }
        return product;
    }

    private static int multiply(int a, int b) {
        int product = 0;
        int shifted = b;
        for (int coefficient = ONE; coefficient != 0; coefficient >>>= 1) {
            if ((a & coefficient) != 0) {
                product ^= shifted;
            }
            shifted = (shifted >>> 1) ^ ((shifted & 1) != 0 ? POLYNOMIAL : 0);
        }
        return product;
    }
}
