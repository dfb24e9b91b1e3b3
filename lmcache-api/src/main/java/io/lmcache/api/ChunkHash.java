package io.lmcache.api;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * The hash of a chunk. Hashes are chained: one hash names the whole prefix up to and including its chunk.
 *
 * <p>Immutable and thread-safe. Holds 8 to 64 bytes; how they come about is the business of a chunk hasher.
 */
public final class ChunkHash {
    private static final HexFormat HEX = HexFormat.of();

    private final byte[] bytes;

    private ChunkHash(byte[] bytes) {
        if (bytes.length < 8 || bytes.length > 64) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "A chunk hash has 8 to 64 bytes, not " + bytes.length);
        }
        this.bytes = bytes;
    }

    /** The hash of these bytes; the array is copied. */
    public static ChunkHash of(byte[] bytes) {
        return new ChunkHash(bytes.clone());
    }

    /**
     * The hash whose {@link #hex()} this is.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when it is not lower-case hex of 8 to 64 bytes
     */
    public static ChunkHash ofHex(String hex) {
        try {
            ChunkHash hash = new ChunkHash(HEX.parseHex(hex));
            if (hash.hex().equals(hex)) {
                return hash;
            }
        } catch (IllegalArgumentException e) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "'" + hex + "' is no chunk hash: " + e.getMessage(), e);
        }
        throw new LmcacheException(
                ErrorCode.INVALID_ARGUMENT, "'" + hex + "' is no chunk hash: hex digits must be lower case");
    }

    /** Lower-case hexadecimal digits, two a byte. */
    public String hex() {
        return HEX.formatHex(bytes);
    }

    /** A copy of the bytes. */
    public byte[] toBytes() {
        return bytes.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ChunkHash hash && Arrays.equals(bytes, hash.bytes);
    }

    @Override
    public int hashCode() {
        // The bytes are evenly distributed already: the first four are as good as a mix of all.
        return (bytes[0] << 24) | ((bytes[1] & 0xff) << 16) | ((bytes[2] & 0xff) << 8) | (bytes[3] & 0xff);
    }

    @Override
    public String toString() {
        return hex();
    }
}
