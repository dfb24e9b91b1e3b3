package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.cli.bench.Report;
import io.lmcache.cli.bench.Target;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reports, drawn by a browser; skipped where there is none. */
@Tag("slow")
class ReportInBrowserTest {
    private static final Path TRACES = Path.of("src", "test", "resources", "traces");
    private static final int PAPER_OF_DARK = 0x80;

    @TempDir
    private Path directory;

    @BeforeEach
    void requireBrowser() {
        assumeTrue(browser().isPresent(), "no chromium on the PATH; apt-get install chromium");
    }

    private static Optional<String> browser() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(folder -> Stream.of(Path.of(folder, "chromium"), Path.of(folder, "chromium-browser")))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    private Path replayReport() {
        Path page = directory.resolve("replay.html");
        Invocation replay = Invocation.of(
                "replay",
                TRACES.resolve("mooncake-conversation-excerpt.jsonl").toString(),
                "--host",
                "1GiB,4GiB,16GiB",
                "--report",
                page.toString());
        assertThat(replay.status()).as(replay.err()).isZero();
        return page;
    }

    private Path benchReport() {
        Path page = directory.resolve("bench.html");
        Report report = new Report(
                "a machine",
                0.5,
                List.of(
                        new Report.Row("retrieve", "GB/s", 9, 10, new Target.RatioAtLeast(0.8)),
                        new Report.Row("store", "GB/s", 5, 10, new Target.None()),
                        new Report.Row("look up", "us", 100, 50, new Target.AtMost(2000, "us"))));
        ReportFile.write(new BenchReport(report).page(), page);
        return page;
    }

    @Test
    void everyFigureIsDrawnWithoutAnError() throws Exception {
        for (Path page : List.of(replayReport(), benchReport())) {
            String dom = run(page, "--dump-dom", "--enable-logging=stderr");
            int figures = count(dom, "<figure>");
            assertThat(figures).isBetween(2, 3);
            assertThat(count(dom, "<canvas")).isEqualTo(figures);
            assertThat(dom).contains("data-drawn=\"" + figures + "\"").doesNotContain("CONSOLE");
        }
    }

    @ParameterizedTest
    @CsvSource({"1100,false", "500,false", "1100,true"})
    void figuresHaveTheirColoursInLightAndDarkWideAndNarrow(int width, boolean isDark) throws Exception {
        Path picture = directory.resolve("page.png");
        String output = run(
                replayReport(),
                "--screenshot=" + picture,
                "--window-size=" + width + ",1600",
                "--blink-settings=preferredColorScheme=" + (isDark ? 0 : 1));
        assertThat(picture).as(output).isRegularFile();
        BufferedImage image = ImageIO.read(picture.toFile());
        assertThat(image.getWidth()).isEqualTo(width);
        assertThat((image.getRGB(2, 2) & 0xff) < PAPER_OF_DARK).isEqualTo(isDark);
        // The lines of seven policies and their edges.
        assertThat(colours(image)).hasSizeGreaterThan(50);
    }

    private static Set<Integer> colours(BufferedImage image) {
        Set<Integer> colours = new HashSet<>();
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                colours.add(image.getRGB(x, y));
            }
        }
        return colours;
    }

    @Test
    void itCanBePrinted() throws Exception {
        Path pdf = directory.resolve("page.pdf");
        String output = run(replayReport(), "--print-to-pdf=" + pdf);
        assertThat(pdf).as(output).isRegularFile();
        assertThat(Files.size(pdf)).isGreaterThan(20_000);
    }

    private static int count(String text, String part) {
        return Math.toIntExact(
                Pattern.compile(Pattern.quote(part)).matcher(text).results().count());
    }

    private String run(Path page, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                browser().orElseThrow(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                // Whatever it asks for is not there.
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=" + directory.resolve("profile")));
        command.addAll(List.of(options));
        command.add(page.toUri().toString());
        Path output = directory.resolve("output.txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(process.waitFor(90, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(output, StandardCharsets.UTF_8);
    }
}
