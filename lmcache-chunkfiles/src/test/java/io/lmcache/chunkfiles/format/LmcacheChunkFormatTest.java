package io.lmcache.chunkfiles.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LmcacheChunkFormatTest {
    private static final KvLayout LLAMA = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);
    private static final ChunkKey KEY =
            new ChunkKey(KeyScope.of("meta-llama/Llama-3.1-8B-Instruct", LLAMA), ChunkHash.ofHex("5f05dec65811b7cc"));
    private static final ChunkMeta META = new ChunkMeta(LLAMA, 256);
    private static final int CRC = 0x01020304;

    private final ChunkFileFormat format = FileFormat.LMCACHE_0_5.create(true, true);

    // Headers

    @ParameterizedTest
    @EnumSource(FileFormat.class)
    void headerGivesTheChecksumBack(FileFormat each) {
        ChunkFileFormat opened = each.create(true, true);
        assertThat(opened.check(ByteBuffer.wrap(opened.header(KEY, META, CRC)), KEY))
                .isEqualTo(HeaderCheck.Valid.of(META, CRC));
    }

    @Test
    void headerWithoutAChecksumAdmitsAnyPayload() {
        HeaderCheck check = format.check(
                ByteBuffer.wrap(FileFormat.LMCACHE_0_3_2.create(false, true).header(KEY, META, CRC)), KEY);
        assertThat(check).isEqualTo(new HeaderCheck.Valid(META, OptionalInt.empty()));
        assertThat(((HeaderCheck.Valid) check).admits(7)).isTrue();
    }

    @Test
    void rowsThatOnlyTheirEngineUnderstandsHaveNoName() {
        KvLayout row = KvLayout.opaque(4096);
        ChunkKey key = new ChunkKey(KeyScope.of("model", row), KEY.hash());
        for (FileFormat each : List.of(FileFormat.LMCACHE_0_3_2, FileFormat.LMCACHE_0_5)) {
            assertThat(each.create(true, true).name(key))
                    .isInstanceOfSatisfying(
                            ChunkName.Inexpressible.class,
                            name -> assertThat(name.reason()).contains("file_format native"));
        }
        ChunkFileFormat own = FileFormat.NATIVE.create(true, true);
        ChunkMeta meta = new ChunkMeta(row, 1);
        assertThat(own.check(ByteBuffer.wrap(own.header(key, meta, CRC)), key))
                .isEqualTo(HeaderCheck.Valid.of(meta, CRC));
    }

    @Test
    void soundHeaderOfAnotherShapeIsAnotherChunks() {
        KvLayout half = KvLayout.kv(KvDtype.HALF, 32, 8, 128);
        KvLayout mla = KvLayout.mla(KvDtype.BFLOAT16, 32, 576);
        for (KvLayout layout : List.of(half, mla)) {
            ChunkKey other = new ChunkKey(KeyScope.of("meta-llama/Llama-3.1-8B-Instruct", layout), KEY.hash());
            byte[] header = format.header(other, new ChunkMeta(layout, 256), CRC);
            assertThat(format.check(ByteBuffer.wrap(header), KEY))
                    .isInstanceOfSatisfying(
                            HeaderCheck.Other.class,
                            check -> assertThat(check.reason()).contains("holds"));
        }
    }

    @Test
    void headerOfAVersionOrAKindThatIsNotKnownIsAnothers() {
        assertThat(checkWith("\"lmcache_version\": \"1\"", "\"lmcache_version\": \"2\""))
                .isInstanceOf(HeaderCheck.Other.class);
        assertThat(checkWith("\"1\", \"crc32c\"", "\"2\", \"more\": \"x\", \"crc32c\""))
                .isInstanceOf(HeaderCheck.Other.class);
        assertThat(checkWith("}}}", "}, \"shapes\": [[1, 2]], \"dtypes\": [\"BF16\"]}}"))
                .isInstanceOf(HeaderCheck.Other.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"BF16\"|\"F32\"|do not go with each other",
                "\"fmt\": 1|\"fmt\": 6|do not go with each other",
                "\"fmt\": 1|\"fmt\": 3|do not go with each other",
                "[2, 32, 256, 1024]|[2, 32, 256]|do not go with each other",
                "\"lmcache_version\": \"1\"|\"lmcache_version\": \"9\"|version '9'",
                "\"lmcache_version\": \"1\"|\"other\": \"1\"|not written as LMCache",
                "\"fmt\": 1|\"later\": {\"a\": [1, {}]}, \"fmt\": 1|not written as LMCache",
                "{\"kvcache\"|{\"__metadata__\": {\"a\": \"b\"}, \"kvcache\"|not written as LMCache",
                "\"crc32c\"|\"crc32b\"|not written as LMCache",
                "[0, 33554432]|[0, 33554431]|data_offsets",
                "[0, 33554432]|[1, 33554433]|data_offsets",
                "[0, 33554432]|[0, 33554432, 1]|no two data_offsets",
                "[0, 33554432]|[0, 99999999999999999999]|header that",
                "[0, 33554432]|[0, \"33554432\"]|no whole number",
                "[0, 33554432]|33554432|no list",
                "[2, 32, 256, 1024]|[2, 32, 0, 1024]|do not go with each other",
                "[2, 32, 256, 1024]|[2, 32, -1, 1024]|do not go with each other",
                "[2, 32, 256, 1024]|[2, 32, 99999999999, 1024]|do not go with each other",
                "\"dtype\": \"BF16\"|\"dtype\": 16|no text",
                "\"dtype\": \"BF16\"|\"size\": \"BF16\"|no tensor",
                "\"kvcache\"|\"weights\"|no tensor",
                "\"fmt\": 1|\"fmt\": 99999999999|header that",
                "\"fmt\": 1|\"fmt\": 1, \"fmt\": 1|Duplicate",
                "\"crc32c\": \"|\"crc32c\": \"x|header that",
                "}}}|}}|no JSON",
                "}}}|}}}x|no JSON",
                "}}}|}}}{}|behind",
            })
    void headerThatContradictsItselfIsInvalid(String from, String to, String reason) {
        assertThat(checkWith(from, to))
                .isInstanceOfSatisfying(
                        HeaderCheck.Invalid.class,
                        invalid -> assertThat(invalid.reason()).contains(reason));
    }

    private HeaderCheck checkWith(String from, String to) {
        String json = new String(format.header(KEY, META, CRC), 8, 4088, StandardCharsets.US_ASCII).stripTrailing();
        assertThat(json).contains(from);
        byte[] header = new byte[4096];
        Arrays.fill(header, (byte) ' ');
        ByteBuffer.wrap(header)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(4088)
                .put(json.replace(from, to).getBytes(StandardCharsets.US_ASCII));
        return format.check(ByteBuffer.wrap(header), KEY);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, -1, 4089, Long.MAX_VALUE, Long.MIN_VALUE})
    void headerOfAnImpossibleLengthIsInvalid(long length) {
        ByteBuffer header = ByteBuffer.wrap(format.header(KEY, META, CRC)).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(0, length);
        assertThat(format.check(header, KEY)).isInstanceOf(HeaderCheck.Invalid.class);
    }

    @ParameterizedTest
    @CsvSource({"LMCACHE_0_3_2, true", "LMCACHE_0_3_2, false", "LMCACHE_0_5, true", "LMCACHE_0_5, false"})
    void flippedBitIsDamageAndNeverAnotherChunkNorAFileWithoutAChecksum(FileFormat kind, boolean checksum) {
        ChunkFileFormat each = kind.create(checksum, true);
        byte[] header = each.header(KEY, META, CRC);
        for (int bit = 0; bit < header.length * 8; bit++) {
            header[bit / 8] ^= (byte) (1 << (bit % 8));
            switch (each.check(ByteBuffer.wrap(header), KEY)) {
                case HeaderCheck.Invalid _ -> {}
                case HeaderCheck.Other other -> throw new AssertionError("bit " + bit + ": " + other);
                case HeaderCheck.Valid valid -> {
                    // A flip within the checksum's digits: the payload will not pass.
                    assertThat(valid.meta()).as("bit %d", bit).isEqualTo(META);
                    assertThat(checksum).as("bit %d", bit).isTrue();
                    assertThat(valid.admits(CRC)).as("bit %d", bit).isFalse();
                }
            }
            header[bit / 8] ^= (byte) (1 << (bit % 8));
        }
    }

    @Test
    void randomBytesAreNeverAnExceptionNorAnotherShape() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        byte[] header = format.header(KEY, META, CRC);
        for (int round = 0; round < 5_000; round++) {
            byte[] damaged = header.clone();
            for (int i = 0; i < 1 + random.nextInt(8); i++) {
                damaged[random.nextInt(250)] = (byte) random.nextInt();
            }
            if (format.check(ByteBuffer.wrap(damaged), KEY) instanceof HeaderCheck.Valid valid) {
                assertThat(valid.meta()).as("seed %d, round %d", seed, round).isEqualTo(META);
            }
        }
    }

    // Names

    @Test
    void namesOf05AreReadBack() {
        assertThat(new Lmcache05Names(true).parse("a%2Fb%408%403%40-adc333b9eaa0e45%40half%40x%25y%2525%40z%25"))
                .hasValue(new LmcacheName(
                        "a/b",
                        8,
                        3,
                        ChunkHash.ofHex("f523ccc46155f1bb"),
                        Optional.of(KvDtype.HALF),
                        OptionalInt.empty(),
                        new TreeMap<>(Map.of("x", "y%25", "z", ""))));
        assertThat(new Lmcache05Names(true).parse("m%401%400%40b8a960cfcc69e7a5%40half%4012"))
                .hasValueSatisfying(name -> {
                    assertThat(name.hash()).isEqualTo(ChunkHash.ofHex("b8a960cfcc69e7a5"));
                    assertThat(name.layer()).hasValue(12);
                });
        assertThat(new Lmcache05Names(true).parse("m%401%400%401b8a960cfcc69e7a5%40half"))
                .hasValueSatisfying(
                        name -> assertThat(name.hash().hex()).isEqualTo("0".repeat(47) + "1b8a960cfcc69e7a5"));
    }

    @Test
    void namesOf032AreReadBack() {
        String hash = "ab".repeat(32);
        assertThat(new Lmcache032Names().parse("vllm@a_b@8@3@" + hash))
                .hasValue(new LmcacheName(
                        "a/b", 8, 3, ChunkHash.ofHex(hash), Optional.empty(), OptionalInt.empty(), new TreeMap<>()));
        assertThat(new Lmcache032Names().parse("vllm@m@1@0@" + hash + "@4"))
                .hasValueSatisfying(name -> assertThat(name.layer()).hasValue(4));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "m",
                "m%401%400%40ff",
                "m%401%400%40ff%40nothing",
                "m%401%400%40FF%40half",
                "m%401%400%400ff%40half",
                "m%401%40-1%40ff%40half",
                "m%401%400%40ff%40half%40tag",
                "m%401%400%40ff%40half%4",
                "m%401%400%40ff%40half%zz",
                "%ff%401%400%40ff%40half",
                "m@1@0@ff@half",
                "vllm@m@1@0@ff",
                "vllm@m@1@0@FFFFFFFFFFFFFFFF",
                "vllm@m@1@0@ffffffffffffffff@x",
                "other@m@1@0@ffffffffffffffff"
            })
    void otherNamesAreNone(String name) {
        assertThat(new Lmcache05Names(true).parse(name)).isEmpty();
        assertThat(new Lmcache032Names().parse(name)).isEmpty();
    }

    @Test
    void quotedTextIsReadBack() throws CharacterCodingException {
        assertThat(UrlQuoting.quote("aZ09_.-~ /+*%é模💾"))
                .isEqualTo("aZ09_.-~%20%2F%2B%2A%25%C3%A9%E6%A8%A1%F0%9F%92%BE");
        assertThat(UrlQuoting.unquote("aZ09_.-~%20%2F%2B%2A%25%C3%A9%E6%A8%A1%F0%9F%92%BE"))
                .isEqualTo("aZ09_.-~ /+*%é模💾");
        assertThatThrownBy(() -> UrlQuoting.unquote("a+b")).isInstanceOf(CharacterCodingException.class);
    }
}
