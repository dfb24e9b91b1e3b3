package io.lmcache.backend.posix;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkMeta;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Chunks in the words of this library and in those of LMCache. */
final class GoldenChunks {
    static final String LLAMA = "meta-llama/Llama-3.1-8B-Instruct";

    /**
     * One chunk, said twice.
     *
     * @param name what is special about it
     */
    record Golden(String name, ChunkKey key, ChunkMeta meta, LmcacheWriter.Chunk chunk) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final BigInteger HASH = new BigInteger("6847123751949154252");
    private static final BigInteger NEGATIVE_HASH = new BigInteger("-782556766413655621");
    private static final BigInteger SHA256 =
            new BigInteger("8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08", 16);
    private static final BigInteger SHA256_WITH_ZEROS =
            new BigInteger("0000405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08", 16);

    private record Dtype(KvDtype dtype, String text, String tensorDtype) {}

    private static final List<Dtype> DTYPES = List.of(
            new Dtype(KvDtype.HALF, "half", "F16"),
            new Dtype(KvDtype.BFLOAT16, "bfloat16", "BF16"),
            new Dtype(KvDtype.FLOAT, "float", "F32"),
            new Dtype(KvDtype.DOUBLE, "double", "F64"),
            new Dtype(KvDtype.INT8, "int8", "I8"),
            new Dtype(KvDtype.UINT8, "uint8", "U8"),
            new Dtype(KvDtype.INT16, "int16", "I16"),
            new Dtype(KvDtype.INT32, "int32", "I32"),
            new Dtype(KvDtype.INT64, "int64", "I64"),
            new Dtype(KvDtype.FP8_E4M3FN, "fp8_e4m3fn", "F8E4M3FN"),
            new Dtype(KvDtype.FP8_E5M2, "fp8_e5m2", "F8E5M2"));

    private GoldenChunks() {}

    /** Chunks of 0.3.2, whose hashes are digests. */
    static List<Golden> of032() {
        return Stream.concat(
                        DTYPES.stream()
                                .map(dtype -> golden(dtype.text(), LLAMA, SHA256, kv(dtype), dtype, 8, Map.of())),
                        Stream.of(
                                mla(SHA256),
                                golden("partial", LLAMA, SHA256, kv(DTYPES.get(1)), DTYPES.get(1), 3, Map.of()),
                                golden(
                                        "zeros",
                                        LLAMA,
                                        SHA256_WITH_ZEROS,
                                        kv(DTYPES.get(1)),
                                        DTYPES.get(1),
                                        8,
                                        Map.of()),
                                golden(
                                        "odd name",
                                        "a b+c~d'\"%2F*:",
                                        SHA256,
                                        kv(DTYPES.get(0)),
                                        DTYPES.get(0),
                                        8,
                                        Map.of()),
                                rank(SHA256)))
                .toList();
    }

    /** Chunks of 0.5, whose hashes are signed numbers. */
    static List<Golden> of05() {
        Dtype dtype = DTYPES.get(1);
        return Stream.concat(
                        DTYPES.stream().map(each -> golden(each.text(), LLAMA, HASH, kv(each), each, 8, Map.of())),
                        Stream.of(
                                mla(HASH),
                                golden("partial", LLAMA, HASH, kv(dtype), dtype, 3, Map.of()),
                                golden("negative hash", LLAMA, NEGATIVE_HASH, kv(dtype), dtype, 8, Map.of()),
                                golden("tag", LLAMA, HASH, kv(dtype), dtype, 8, Map.of("tenant", "A & B/ü%")),
                                golden("tags", LLAMA, HASH, kv(dtype), dtype, 8, Map.of("b", "2", "a", "", "c", "%")),
                                golden("Unicode", "模型/💾_é", HASH, kv(dtype), dtype, 8, Map.of()),
                                golden("odd name", "a b+c~d'\"%2F*:_.-", HASH, kv(dtype), dtype, 8, Map.of()),
                                rank(HASH)))
                .toList();
    }

    /** A chunk of 0.3.2 whose name only a file system with UTF-8 names can hold. */
    static Golden unicode032() {
        return golden("Unicode", "模型/💾é", SHA256, kv(DTYPES.get(1)), DTYPES.get(1), 8, Map.of());
    }

    /** One layer of {@link #of05()}'s first chunk, as LMCache stores it layer by layer. */
    static LmcacheWriter.Chunk layer() {
        return new LmcacheWriter.Chunk(
                LLAMA,
                1,
                0,
                HASH,
                "half",
                "F16",
                2,
                List.of(8, 2, 12),
                List.of("tenant%a"),
                "@5",
                payload(8 * 2 * 12 * 2));
    }

    private static KvLayout kv(Dtype dtype) {
        return KvLayout.kv(dtype.dtype(), 3, 2, 6);
    }

    private static Golden mla(BigInteger hash) {
        KvLayout layout = KvLayout.mla(KvDtype.HALF, 3, 9);
        return golden("MLA", LLAMA, hash, layout, DTYPES.get(0), 8, Map.of());
    }

    private static Golden rank(BigInteger hash) {
        Golden first = golden("rank", LLAMA, hash, kv(DTYPES.get(1)), DTYPES.get(1), 8, Map.of());
        LmcacheWriter.Chunk of = first.chunk();
        return new Golden(
                "rank",
                new ChunkKey(first.key().scope().inWorld(16, 11), first.key().hash()),
                first.meta(),
                new LmcacheWriter.Chunk(
                        of.model(),
                        16,
                        11,
                        of.hash(),
                        of.dtype(),
                        of.tensorDtype(),
                        of.fmt(),
                        of.shape(),
                        of.tags(),
                        "",
                        of.payload()));
    }

    private static Golden golden(
            String name,
            String model,
            BigInteger hash,
            KvLayout layout,
            Dtype dtype,
            int tokens,
            Map<String, String> tags) {
        ChunkKey key = new ChunkKey(KeyScope.of(model, layout).withTags(tags), ChunkHash.of(bytes(hash)));
        boolean isMla = layout.format().planes() == 1;
        return new Golden(
                name,
                key,
                new ChunkMeta(layout, tokens),
                new LmcacheWriter.Chunk(
                        model,
                        1,
                        0,
                        hash,
                        dtype.text(),
                        dtype.tensorDtype(),
                        isMla ? 6 : 1,
                        isMla ? List.of(1, 3, tokens, 9) : List.of(2, 3, tokens, 12),
                        new TreeMap<>(tags)
                                .entrySet().stream()
                                        .map(tag -> tag.getKey() + "%" + tag.getValue())
                                        .toList(),
                        "",
                        payload((isMla ? 3 * 9 : 2 * 3 * 12)
                                * tokens
                                * dtype.dtype().bytes())));
    }

    /** A digest's 32 bytes, a signed number's 8. */
    private static byte[] bytes(BigInteger hash) {
        return hash.bitLength() < 64
                ? ByteBuffer.allocate(8).putLong(hash.longValueExact()).array()
                : HexFormat.of().parseHex(String.format("%064x", hash));
    }

    private static ByteBuffer payload(int bytes) {
        byte[] payload = new byte[bytes];
        new Random(bytes).nextBytes(payload);
        return ByteBuffer.wrap(payload).asReadOnlyBuffer();
    }
}
