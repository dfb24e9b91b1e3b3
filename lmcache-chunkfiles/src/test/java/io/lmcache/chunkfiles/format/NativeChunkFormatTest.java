package io.lmcache.chunkfiles.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class NativeChunkFormatTest {
    private static final String HASH = "8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08";
    private static final KvLayout LLAMA = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);
    private static final ChunkKey KEY =
            new ChunkKey(KeyScope.of("meta-llama/Llama-3.1-8B-Instruct", LLAMA), ChunkHash.ofHex(HASH));
    private static final ChunkMeta META = new ChunkMeta(LLAMA, 256);

    private final NativeChunkFormat format = new NativeChunkFormat();

    @Test
    void headerIsThisVeryText() {
        byte[] header = format.header(KEY, META, 0x01020304);

        assertThat(header).hasSize(4096);
        assertThat(ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong())
                .isEqualTo(4088);
        assertThat(new String(header, 8, 4088, StandardCharsets.US_ASCII).stripTrailing())
                .isEqualTo("{\"__metadata__\":{\"format\":\"lmcache-jvm\",\"format_version\":\"1\","
                        + "\"key\":\"meta-llama%2FLlama-3.1-8B-Instruct@1@0@bfloat16@KV_2LTD-32x8x128@" + HASH + "\","
                        + "\"memory_format\":\"KV_2LTD\",\"dtype\":\"bfloat16\",\"tokens\":\"256\","
                        + "\"crc32c\":\"0d6c831b\"},"
                        + "\"kvcache\":{\"dtype\":\"BF16\",\"shape\":[2,32,256,1024],\"data_offsets\":[0,33554432]}}");
    }

    @Test
    void pathHasTwoLevelsAndNothingOfTheModelsName() {
        assertThat(format.name(KEY))
                .isEqualTo(new ChunkName.Below("88/08/" + HASH + "-718363b5a1304e48747870b0699123d9.safetensors"));
    }

    @ParameterizedTest
    @CsvSource({"../../etc/passwd", "/", "a\0b", "模型"})
    void pathOfAnyModelStaysBelowTheRoot(String model) {
        ChunkKey key = new ChunkKey(KeyScope.of(model, LLAMA), ChunkHash.of(new byte[64]));
        String path = ((ChunkName.Below) format.name(key)).path();
        assertThat(path).matches("00/00/0{128}-[0-9a-f]{32}\\.safetensors");
        assertThat(ChunkFileNames.isChunk(path.substring(6))).isTrue();
    }

    @Test
    void otherFilesAreNoChunks() {
        assertThat(ChunkFileNames.isChunk(HASH + ".safetensors")).isFalse();
        assertThat(ChunkFileNames.isChunk(HASH + "-0123456789abcdef0123456789abcdef.safetensors.tmp"))
                .isFalse();
        assertThat(ChunkFileNames.isChunk("model.safetensors")).isFalse();
    }

    @ParameterizedTest
    @EnumSource(KvDtype.class)
    void headerOfEveryDtypeIsValidForItsKeyAndGivesTheChecksumBack(KvDtype dtype) {
        ChunkMeta meta = new ChunkMeta(KvLayout.kv(dtype, 3, 2, 5), 7);
        ChunkKey key = new ChunkKey(KeyScope.of("m", meta.layout()), KEY.hash());
        int payloadCrc = dtype.name().hashCode();

        assertThat(format.check(ByteBuffer.wrap(format.header(key, meta, payloadCrc)), key))
                .isEqualTo(HeaderCheck.Valid.of(meta, payloadCrc));
    }

    @Test
    void longestKeyFitsTheHeader() {
        String longest = "m"
                .repeat(KeyScope.MAX_TEXT_LENGTH
                        - KeyScope.of("m", LLAMA).text().length()
                        + 1);
        ChunkKey key = new ChunkKey(KeyScope.of(longest, LLAMA), ChunkHash.of(new byte[64]));
        assertThat(format.check(ByteBuffer.wrap(format.header(key, META, 1)), key))
                .isEqualTo(HeaderCheck.Valid.of(META, 1));
    }

    @Test
    void headerOfAnotherKeyIsInvalid() {
        ByteBuffer header = ByteBuffer.wrap(format.header(KEY, META, 1));
        ChunkKey tagged = new ChunkKey(KEY.scope().withTags(Map.of("tenant", "b")), KEY.hash());
        ChunkKey later = new ChunkKey(KEY.scope(), ChunkHash.of(new byte[32]));
        assertThat(format.check(header, tagged)).isInstanceOf(HeaderCheck.Invalid.class);
        assertThat(format.check(header, later)).isInstanceOf(HeaderCheck.Invalid.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"format_version\":\"1\"|\"format_version\":\"2\"|of format 'lmcache-jvm 2'",
                "\"format\":\"lmcache-jvm\"|\"format\":\"lmcache\"|of format 'lmcache 1'",
                "\"tokens\":\"256\"|\"tokens\":\"-256\"|'-256' tokens",
                "\"tokens\":\"256\"|\"tokens\":\"x\"|'x' tokens",
                "\"tokens\":\"256\"|\"tokens\":\"99999999999\"|'99999999999' tokens",
                "\"tokens\":\"256\"|\"tokens\":\"2147483647\"|dtype, shape, offset",
                "\"tokens\":\"256\"|\"tokens\":256|no text",
                "\"tokens\":\"256\"|\"tokens\":\"256\",\"tokens\":\"256\"|Duplicate",
                "\"tokens\":\"256\"|\"size\":\"256\"|no 'tokens'",
                "\"BF16\"|\"F16\"|dtype, shape, offset",
                "\"bfloat16\"|\"half\"|dtype, shape, offset",
                "[2,32,256,1024]|[2,32,1024,256]|dtype, shape, offset",
                "[2,32,256,1024]|[-2,-32,256,1024]|dtype, shape, offset",
                "[0,33554432]|[1,33554433]|dtype, shape, offset",
                "[0,33554432]|[0,9223372036854775807]|dtype, shape, offset",
                "[0,33554432]|[0,33554432|no JSON",
                "\"__metadata__\":{|\"__metadata__\":[{|no JSON",
                "}}|}}x|no JSON",
                "}}|}}{}|something follows",
            })
    void headerThatSaysSomethingElseIsInvalid(String from, String to, String reason) {
        byte[] header = format.header(KEY, META, 0x01020304);
        String json = new String(header, 8, 4088, StandardCharsets.US_ASCII).stripTrailing();
        assertThat(json).contains(from);

        assertInvalid(with(json.replace(from, to).getBytes(StandardCharsets.US_ASCII)), reason);
    }

    @ParameterizedTest
    @CsvSource({"0", "-1", "4087", "4089", "9223372036854775807", "-9223372036854775808"})
    void headerOfAnotherLengthIsInvalid(long length) {
        ByteBuffer header = ByteBuffer.wrap(format.header(KEY, META, 1)).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(0, length);
        assertInvalid(header, "says its JSON has " + Long.toUnsignedString(length) + " bytes");
    }

    @Test
    void headerThatIsNoTextIsInvalid() {
        assertInvalid(with(new byte[0]), "no JSON");
        assertInvalid(with(new byte[] {'{', '"', (byte) 0xc3, (byte) 0x28, '"', ':', '1', '}'}), "no JSON");
        assertInvalid(with("[".repeat(4000).getBytes(StandardCharsets.US_ASCII)), "no JSON");
        assertInvalid(ByteBuffer.allocate(4096), "says its JSON has 0 bytes");
    }

    @Test
    void anyFlippedBitMakesTheHeaderInvalidOrChangesTheChecksum() {
        byte[] header = format.header(KEY, META, 0x01020304);
        for (int bit = 0; bit < header.length * 8; bit++) {
            header[bit / 8] ^= (byte) (1 << (bit % 8));
            switch (format.check(ByteBuffer.wrap(header), KEY)) {
                case HeaderCheck.Invalid invalid -> assertThat(invalid.reason()).isNotEmpty();
                case HeaderCheck.Valid valid ->
                    assertThat(valid.payloadCrc()).as("bit %d", bit).isNotEqualTo(OptionalInt.of(0x01020304));
                case HeaderCheck.Other other -> throw new AssertionError("bit " + bit + ": " + other);
            }
            header[bit / 8] ^= (byte) (1 << (bit % 8));
        }
    }

    @Test
    void randomBytesAreInvalidAndNeverAnException() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        byte[] header = format.header(KEY, META, 0x01020304);
        for (int round = 0; round < 5_000; round++) {
            byte[] damaged = header.clone();
            for (int i = 0; i < 1 + random.nextInt(8); i++) {
                damaged[8 + random.nextInt(500)] = (byte) random.nextInt();
            }
            HeaderCheck check = format.check(ByteBuffer.wrap(damaged), KEY);
            assertThat(check.equals(HeaderCheck.Valid.of(META, 0x01020304)))
                    .as("seed %d, round %d", seed, round)
                    .isEqualTo(Arrays.equals(damaged, header));
        }
    }

    private void assertInvalid(ByteBuffer header, String reason) {
        assertThat(format.check(header, KEY))
                .isInstanceOfSatisfying(
                        HeaderCheck.Invalid.class,
                        invalid -> assertThat(invalid.reason()).contains(reason));
    }

    private static ByteBuffer with(byte[] json) {
        byte[] header = new byte[4096];
        Arrays.fill(header, (byte) ' ');
        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(4088).put(json);
        return ByteBuffer.wrap(header);
    }
}
