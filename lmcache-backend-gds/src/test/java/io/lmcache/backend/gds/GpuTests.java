package io.lmcache.backend.gds;

import static org.junit.platform.launcher.TagFilter.includeTags;

import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDriver;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/**
 * Runs the tests tagged {@code gpu} on a machine that has a GPU but no Maven: {@code java
 * --enable-native-access=ALL-UNNAMED -cp CLASS_PATH io.lmcache.backend.gds.GpuTests [PACKAGE...]}. The exit status is 0 when
 * all ran and passed; a skipped test counts as failed here. Those tagged {@code gpus} are left out, and that is said, where
 * there is one GPU only.
 */
final class GpuTests {
    private GpuTests() {}

    static void main(String[] packages) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors((packages.length == 0
                                ? Stream.of("io.lmcache.backend.gds", "io.lmcache.cuda")
                                : Stream.of(packages))
                        .map(DiscoverySelectors::selectPackage)
                        .toList())
                .filters(includeTags(hasTwoDevices() ? "gpu" : "gpu & !gpus"))
                .build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, listener);
        TestExecutionSummary summary = listener.getSummary();
        summary.printFailuresTo(new PrintWriter(System.out, true, StandardCharsets.UTF_8));
        System.out.printf(
                "%d tests, %d passed, %d skipped or aborted%n",
                summary.getTestsFoundCount(),
                summary.getTestsSucceededCount(),
                summary.getTestsSkippedCount() + summary.getTestsAbortedCount());
        boolean allPassed =
                summary.getTestsFoundCount() > 0 && summary.getTestsFoundCount() == summary.getTestsSucceededCount();
        System.exit(allPassed ? 0 : 1);
    }

    private static boolean hasTwoDevices() {
        return switch (CudaDriver.availability()) {
            case CudaAvailability.Available(int devices, int _) when devices > 1 -> true;
            case CudaAvailability.Available(int devices, int _) -> {
                System.out.printf("%d GPU: the tests for two are left out%n", devices);
                yield false;
            }
            case CudaAvailability.Unavailable(String reason, String _) -> {
                System.out.printf("no GPU: %s%n", reason);
                yield false;
            }
        };
    }
}
