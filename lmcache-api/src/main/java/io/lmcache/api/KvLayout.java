package io.lmcache.api;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The shape of a model's KV cache: what the bytes of a chunk mean.
 *
 * <p>A chunk of {@code tokens} tokens is the tensor {@link #shape(int)} in C order, so that the element of plane
 * {@code p}, layer {@code l}, token {@code t} and hidden position {@code h} stands at
 * {@code ((p * layers + l) * tokens + t) * hiddenSize + h}. Immutable and thread-safe.
 *
 * @param dtype the element type
 * @param layers the number of layers, at least 1
 * @param kvHeads the number of KV heads of this rank, at least 1; 1 for {@link MemoryFormat#KV_MLA_FMT}
 * @param headSize the elements of one head, at least 1
 * @param format the order of dimensions
 */
public record KvLayout(KvDtype dtype, int layers, int kvHeads, int headSize, MemoryFormat format) {
    private static final Pattern FINGERPRINT =
            Pattern.compile("(KV_2LTD|KV_MLA_FMT|OPAQUE)-([1-9][0-9]{0,8})x([1-9][0-9]{0,8})x([1-9][0-9]{0,8})");

    /** One token has fewer bytes; keeps the size of a chunk within a {@code long}, and hiddenSize within an int. */
    private static final long BYTES_PER_TOKEN_BOUND = 1L << 32;

    /**
     * Checks the shape.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when a dimension is out of range
     */
    public KvLayout {
        requirePositive("layers", layers);
        requirePositive("kvHeads", kvHeads);
        requirePositive("headSize", headSize);
        if (format == MemoryFormat.KV_MLA_FMT && kvHeads != 1) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "KV layout: KV_MLA_FMT has one vector a token and layer, but kvHeads is " + kvHeads
                            + "; pass kvHeads = 1 and the vector's length as headSize");
        }
        if (format == MemoryFormat.OPAQUE && (dtype != KvDtype.UINT8 || layers != 1 || kvHeads != 1)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "KV layout: OPAQUE is a row of bytes, of 1 layer and 1 head of uint8, not " + layers + " x "
                            + kvHeads + " of " + dtype.text());
        }
        double bytesPerToken = (double) format.planes() * layers * kvHeads * headSize * dtype.bytes();
        if (bytesPerToken >= BYTES_PER_TOKEN_BOUND) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "KV layout: " + layers + " layers x " + kvHeads + " heads x " + headSize
                            + " elements have 4 GiB a token or more; check the dimensions");
        }
    }

    /** A layout with separate keys and values, {@link MemoryFormat#KV_2LTD}. */
    public static KvLayout kv(KvDtype dtype, int layers, int kvHeads, int headSize) {
        return new KvLayout(dtype, layers, kvHeads, headSize, MemoryFormat.KV_2LTD);
    }

    /** A layout of multi-head latent attention, {@link MemoryFormat#KV_MLA_FMT}, {@code dim} elements a token and layer. */
    public static KvLayout mla(KvDtype dtype, int layers, int dim) {
        return new KvLayout(dtype, layers, 1, dim, MemoryFormat.KV_MLA_FMT);
    }

    /** A layout of rows that only their engine understands: chunks of one "token" that has so many bytes. */
    public static KvLayout opaque(int bytes) {
        return new KvLayout(KvDtype.UINT8, 1, 1, bytes, MemoryFormat.OPAQUE);
    }

    /** The elements of one token in one plane of one layer. */
    public int hiddenSize() {
        return kvHeads * headSize;
    }

    /** The bytes of one token over all planes and layers. */
    public long bytesPerToken() {
        return (long) format.planes() * layers * hiddenSize() * dtype.bytes();
    }

    /** The bytes of a chunk of so many tokens. */
    public long chunkBytes(int tokens) {
        return bytesPerToken() * tokens;
    }

    /** The tensor's dimensions for a chunk of so many tokens, outermost first. */
    public List<Integer> shape(int tokens) {
        return List.of(format.planes(), layers, tokens, hiddenSize());
    }

    /** The shape as text, such as {@code KV_2LTD-32x8x128}; with {@link #dtype()} it identifies the layout. */
    public String fingerprint() {
        return format + "-" + layers + "x" + kvHeads + "x" + headSize;
    }

    /** The layout of that dtype whose {@link #fingerprint()} this is; empty when the text is none. */
    public static Optional<KvLayout> ofFingerprint(KvDtype dtype, String fingerprint) {
        Matcher matcher = FINGERPRINT.matcher(fingerprint);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new KvLayout(
                    dtype,
                    Integer.parseInt(matcher.group(2)),
                    Integer.parseInt(matcher.group(3)),
                    Integer.parseInt(matcher.group(4)),
                    MemoryFormat.valueOf(matcher.group(1))));
        } catch (LmcacheException e) {
            return Optional.empty();
        }
    }

    private static void requirePositive(String name, int value) {
        if (value < 1 || value > 999_999_999) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "KV layout: " + name + " is " + value + ", allowed are 1 to 999999999");
        }
    }
}
