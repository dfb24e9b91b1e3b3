package io.lmcache.cli.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.lmcache.api.LmcacheException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceReaderTest {
    private static final Path TRACES = Path.of("src", "test", "resources", "traces");

    @TempDir
    private Path directory;

    @Test
    void readsMooncakesTrace() {
        Trace trace = TraceReader.read(List.of(TRACES.resolve("mooncake-conversation-excerpt.jsonl")));
        assertThat(trace.requests()).isEqualTo(40);
        assertThat(trace.blockTokens()).isEqualTo(512);
        assertThat(trace.references()).isEqualTo(1014);
        assertThat(trace.distinctBlocks()).isEqualTo(975);
        assertThat(Simulation.infinite(trace).hits()).isEqualTo(39);
    }

    @Test
    void readsWekasTrace() {
        Trace trace = TraceReader.read(List.of(TRACES.resolve("weka-coding-agent-excerpt.json")));
        assertThat(trace.requests()).isEqualTo(4);
        assertThat(trace.blockTokens()).isEqualTo(64);
        assertThat(trace.references()).isEqualTo(160);
        assertThat(trace.inputTokens()).isEqualTo(4 * 2560);
    }

    @Test
    void theWholeConversationTraceHitsWhatIsKnownOfIt() {
        String file = System.getenv("LMCACHE_MOONCAKE_TRACE");
        assumeThat(file)
                .as("LMCACHE_MOONCAKE_TRACE names Mooncake's conversation_trace.jsonl")
                .isNotNull();
        Trace trace = TraceReader.read(List.of(Path.of(file)));
        assertThat(trace.references()).isEqualTo(288_500);
        assertThat(trace.distinctBlocks()).isEqualTo(182_790);
        assertThat(Simulation.infinite(trace).hits()).isEqualTo(105_710);
    }

    @Test
    void requestsOfSeveralFilesAreInTheOrderOfTimeAndShareNoBlocks() throws Exception {
        Path first = mooncake(
                "a",
                "{\"timestamp\":0,\"input_length\":1,\"hash_ids\":[7]}"
                        + "{\"timestamp\":2000,\"input_length\":3,\"hash_ids\":[7]}");
        Path second = mooncake("b", "{\"timestamp\":1000,\"input_length\":2,\"hash_ids\":[7]}");
        Trace trace = TraceReader.read(List.of(first, second));
        assertThat(IntStream.range(0, 3).map(trace::inputTokens)).containsExactly(1, 2, 3);
        assertThat(IntStream.range(0, 3).map(i -> trace.block(trace.start(i)))).containsExactly(0, 1, 0);
    }

    @Test
    void blocksOfManyIdentifiersKeepTheirNumbers() {
        BlockNumbers numbers = new BlockNumbers();
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < 20_000; i++) {
                assertThat(numbers.of(i * 0x1_0000_0001L)).isEqualTo(i);
            }
        }
        assertThat(numbers.size()).isEqualTo(20_000);
    }

    @Test
    void whatIsNoTraceIsNamedWithItsLine() throws Exception {
        assertRefused("{\"timestamp\":0,\"hash_ids\":[1]}\n{\"timestamp\":", "line 2");
        assertRefused("{\"other\":0}", "line 1", "neither a Mooncake request");
        assertRefused("[1]", "expected an object");
        assertRefused("", "no request");
        assertRefused("{\"requests\":[{\"t\":0,\"hash_ids\":[1]}]}", "no block_size");
        assertRefused("{\"block_size\":64,\"requests\":[{\"t\":0}]}", "a request without hash_ids");
        assertRefused("{\"block_size\":0,\"requests\":[]}", "block_size is 0");
        assertRefused("{\"hash_ids\":[1]}{\"block_size\":64,\"requests\":[{\"hash_ids\":[1]}]}", "one block size");
        assertThatThrownBy(() -> TraceReader.read(List.of(directory.resolve("absent"))))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("absent");
    }

    private void assertRefused(String content, String... parts) throws Exception {
        Path file = mooncake("bad", content);
        assertThatThrownBy(() -> TraceReader.read(List.of(file)))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContainingAll(parts);
    }

    private Path mooncake(String name, String content) throws Exception {
        return Files.writeString(directory.resolve(name), content);
    }
}
