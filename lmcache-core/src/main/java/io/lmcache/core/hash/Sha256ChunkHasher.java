package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;

/**
 * The chain of LMCache 0.3.1 and 0.3.2: SHA-256 over the lower-case hex text of the hash before, empty for the first
 * chunk, followed by the tokens as unsigned 32-bit little-endian integers.
 *
 * <p>Thread-safe.
 */
public final class Sha256ChunkHasher implements ChunkHasher {
    private static final VarHandle INT_LE = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int HASH_BYTES = 32;
    private static final int HEX_BYTES = 2 * HASH_BYTES;
    private static final byte[] HEX_DIGITS = {
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'
    };

    /** The hasher; one is enough for all. */
    public Sha256ChunkHasher() {}

    @Override
    public List<ChunkHash> hash(IntBuffer tokens, int chunkSize) {
        int count = tokens.remaining();
        int base = tokens.position();
        List<ChunkHash> hashes = new ArrayList<>(Math.ceilDiv(count, chunkSize));
        MessageDigest sha256 = sha256();
        // The message of every chunk is put together in place: text of the hash before, then tokens.
        byte[] message = new byte[HEX_BYTES + Integer.BYTES * Math.min(chunkSize, count)];
        byte[] digest = new byte[HASH_BYTES];
        int from = HEX_BYTES;
        for (int start = 0; start < count; start += chunkSize) {
            int length = Math.min(chunkSize, count - start);
            writeTokens(tokens, base + start, length, message);
            sha256.update(message, from, HEX_BYTES + Integer.BYTES * length - from);
            digestInto(sha256, digest);
            hashes.add(ChunkHash.of(digest));
            writeHex(digest, message);
            from = 0;
        }
        return hashes;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static void digestInto(MessageDigest sha256, byte[] digest) {
        try {
            sha256.digest(digest, 0, HASH_BYTES);
        } catch (DigestException e) {
            throw new IllegalStateException("a digest of SHA-256 has 32 bytes", e);
        }
    }

    private static void writeTokens(IntBuffer tokens, int start, int length, byte[] message) {
        // One check of the sign bits of all tokens in place of a branch for each.
        int signs = 0;
        for (int i = 0; i < length; i++) {
            int token = tokens.get(start + i);
            signs |= token;
            INT_LE.set(message, HEX_BYTES + Integer.BYTES * i, token);
        }
        if (signs < 0) {
            throw negativeToken(tokens, start, length);
        }
    }

    private static LmcacheException negativeToken(IntBuffer tokens, int start, int length) {
        int index = start;
        while (index < start + length - 1 && tokens.get(index) >= 0) {
            index++;
        }
        return new LmcacheException(
                ErrorCode.INVALID_ARGUMENT,
                "Token id " + tokens.get(index) + " at index " + index
                        + " of the buffer is negative; token ids are 0 and above");
    }

    private static void writeHex(byte[] digest, byte[] message) {
        for (int i = 0; i < HASH_BYTES; i++) {
            message[2 * i] = HEX_DIGITS[(digest[i] >> 4) & 0xf];
            message[2 * i + 1] = HEX_DIGITS[digest[i] & 0xf];
        }
    }
}
