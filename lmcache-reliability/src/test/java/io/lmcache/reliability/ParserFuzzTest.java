package io.lmcache.reliability;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.core.config.ConfigLoader;
import io.lmcache.testkit.Damage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Parsers of what anybody may have written, fed with damaged input: no exception but the typed ones, no large allocation,
 * and never a header that passes as another chunk or without a checksum. {@code -Dlmcache.test.fuzzRounds=1000000} for the long form,
 * {@code -Dlmcache.test.fuzzSeed} to repeat a run.
 */
class ParserFuzzTest {
    private static final int ROUNDS = Integer.getInteger("lmcache.test.fuzzRounds", 10_000);
    // Far above what a header of 4096 bytes or a line of text costs, far below what a length taken on trust would.
    private static final long MOST_BYTES = 4 << 20;
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);
    private static final ChunkMeta META = new ChunkMeta(LAYOUT, 256);
    private static final ChunkKey KEY = new ChunkKey(
            KeyScope.of("meta-llama/Llama-3.1-8B-Instruct", LAYOUT),
            ChunkHash.ofHex("8808405eec6fbe306fe3369f88daed79dd5613ddbb5e801f632b01d6218c5f08"));

    private final long seed = Long.getLong("lmcache.test.fuzzSeed", new Random().nextLong());
    private final Damage damage = new Damage(seed);
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @BeforeEach
    void printSeed() {
        System.out.println("-Dlmcache.test.fuzzSeed=" + seed);
    }

    private interface Parser {
        void parse() throws IOException;
    }

    /** Runs the parser; a typed error is an answer, anything else fails the test with the input. */
    private void answers(Parser parser, String input) {
        long bytes = bytesAllocatedBy(parser, input);
        // The first time, classes are loaded and tables made.
        assertThat(bytes > MOST_BYTES ? bytesAllocatedBy(parser, input) : bytes)
                .as("bytes allocated for %s, seed %d", input, seed)
                .isLessThan(MOST_BYTES);
    }

    private long bytesAllocatedBy(Parser parser, String input) {
        long before = threads.getCurrentThreadAllocatedBytes();
        try {
            parser.parse();
        } catch (IOException | LmcacheException e) {
            assertThat(e).as("the error for %s", input).hasMessageMatching("(?s).+");
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            throw new AssertionError("seed " + seed + ": untyped error for " + input, e);
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    @ParameterizedTest
    @EnumSource(FileFormat.class)
    void aDamagedHeaderIsFoundOutOrLeavesTheChecksumToDoIt(FileFormat kind) {
        ChunkFileFormat format = kind.create(true, false);
        ChunkKey key = keyOf(kind);
        byte[] sound = format.header(key, META, 0x01020304);
        assertThat(format.check(ByteBuffer.wrap(sound), key)).isEqualTo(HeaderCheck.Valid.of(META, 0x01020304));
        for (int round = 0; round < ROUNDS; round++) {
            byte[] damaged = damage.of(sound);
            String input = new String(damaged, StandardCharsets.ISO_8859_1).stripTrailing();
            answers(
                    () -> {
                        HeaderCheck check = format.check(ByteBuffer.wrap(damaged), key);
                        // A damaged checksum is a checksum that the payload fails, and never none.
                        if (check instanceof HeaderCheck.Valid valid) {
                            assertThat(valid.meta())
                                    .as("seed %d: %s", seed, input)
                                    .isEqualTo(META);
                            assertThat(valid.payloadCrc())
                                    .as("seed %d: %s", seed, input)
                                    .isPresent();
                        }
                    },
                    input);
        }
    }

    @ParameterizedTest
    @EnumSource(FileFormat.class)
    void aFileThatAnybodyWroteIsAChunkOrATypedError(FileFormat kind) {
        ChunkFileFormat format = kind.create(true, false);
        ChunkKey key = keyOf(kind);
        byte[] sound = format.header(key, META, 7);
        String path = ((ChunkName.Below) format.name(key)).path();
        for (int round = 0; round < ROUNDS; round++) {
            byte[] header = round % 3 == 0 ? sound : damage.of(sound);
            String name = round % 3 == 1 ? path : damage.of(path);
            OptionalInt heads = round % 2 == 0 ? OptionalInt.of(8) : OptionalInt.empty();
            answers(() -> FoundChunk.in(name, header, heads), name);
            answers(() -> FoundChunk.isLayer(name.substring(name.lastIndexOf('/') + 1)), name);
        }
    }

    /** 0.5 has hashes of 64 bits. */
    private static ChunkKey keyOf(FileFormat kind) {
        return kind == FileFormat.LMCACHE_0_5
                ? new ChunkKey(KEY.scope(), ChunkHash.ofHex(KEY.hash().hex().substring(0, 16)))
                : KEY;
    }

    @Test
    void aTextIsAKeyThatPrintsAsThisTextOrATypedError() {
        String sound =
                new ChunkKey(KEY.scope().withTags(Map.of("tenant", "a b", "adapter", "x=y@z")), KEY.hash()).text();
        for (int round = 0; round < ROUNDS; round++) {
            String text = damage.of(sound);
            answers(() -> assertThat(ChunkKey.parse(text).text()).isEqualTo(text), text);
        }
    }

    @Test
    void aConfigurationFileIsReadOrRefusedWithItsProblems(@TempDir Path folder) throws IOException {
        String sound = """
                chunk_size: 256
                local_cpu: true
                max_local_cpu_size: "512 MiB"
                gds_path: [/mnt/a, /mnt/b]
                storage_plugins: scratch
                scratch: {capacity_bytes: 2097152}
                extra_config:
                  use_cufile: false
                """;
        Path file = folder.resolve("lmcache.yaml");
        for (int round = 0; round < ROUNDS / 10; round++) {
            String text = damage.of(sound);
            // Half a surrogate pair becomes a question mark here, which Files.writeString would refuse.
            Files.write(file, text.getBytes(StandardCharsets.UTF_8));
            answers(() -> ConfigLoader.load(Map.of("LMCACHE_CONFIG_FILE", file.toString()), Map.of()), text);
        }
    }
}
