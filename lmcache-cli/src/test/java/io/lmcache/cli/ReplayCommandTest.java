package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ReplayCommandTest {
    private static final Path TRACES = Path.of("src", "test", "resources", "traces");
    private static final String MOONCAKE =
            TRACES.resolve("mooncake-conversation-excerpt.jsonl").toString();
    private static final String WEKA =
            TRACES.resolve("weka-coding-agent-excerpt.json").toString();

    @Test
    void everySizeAndPolicyHasARowAndSoHasTheCacheWithoutALimit() {
        Invocation replay =
                Invocation.of("replay", MOONCAKE, "--host", "1 GiB,64GiB", "--policy", "lru,S3-FIFO,optimum");
        assertThat(replay.status()).isZero();
        assertThat(replay.out())
                .contains("40 requests", "blocks of 512 tokens", "llama-3.1-8b, 67108864 bytes a block")
                .containsPattern("(?m)^lru +1 GiB ")
                .containsPattern("(?m)^s3-fifo +64GiB ")
                .containsPattern("(?m)^infinite +no limit +\\d+\\.\\d\\d % ");
    }

    @Test
    void jsonHasTheNumbers() throws Exception {
        Invocation replay = Invocation.of(
                "replay",
                WEKA,
                WEKA,
                "--host",
                "1GiB",
                "--policy",
                "lru",
                "--file",
                "2GiB",
                "--model",
                "qwen-2.5-0.5b",
                "--json");
        JsonNode json = new ObjectMapper().readTree(replay.out());
        assertThat(json.path("requests").asInt()).isEqualTo(8);
        assertThat(json.path("blockBytes").asLong()).isEqualTo(64 * 12_288);
        assertThat(json.path("rows")).hasSize(2);
        JsonNode lru = json.path("rows").path(0);
        assertThat(lru.path("hostHits").asLong())
                .isEqualTo(json.path("blocks").asLong()
                        - json.path("distinctBlocks").asLong());
        assertThat(lru.path("prefillSecondsSaved").asDouble()).isPositive();
    }

    @Test
    void bothDirectionsOfADriveAreBounded() {
        assertRefused("--requests", "0", "whole numbers from 1");
        assertRefused("--speed", "-1", "numbers from 0");
    }

    @Test
    void badInputIsNamedWithWhatIsAllowed() {
        assertRefused("--policy", "arc", "w-tinylfu");
        assertRefused("--host", "many", "64GiB");
        assertRefused("--host", "1KiB", "sizes that hold a block");
        assertRefused("--model", "gpt", "llama-3.1-70b");
        assertRefused("--gpu-tflops", "0", "above 0");
        assertThat(Invocation.of("replay", "absent.jsonl").err()).contains("absent.jsonl");
        assertThat(Invocation.of("replay").status()).isEqualTo(2);
    }

    private static void assertRefused(String option, String value, String allowed) {
        Invocation refused = Invocation.of("replay", MOONCAKE, option, value);
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains(option, value, allowed);
    }
}
