package io.lmcache.backend.gds;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;
import static org.junit.platform.launcher.TagFilter.includeTags;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/**
 * Runs the tests tagged {@code gpu} on a machine that has a GPU but no Maven: {@code java
 * --enable-native-access=ALL-UNNAMED -cp CLASS_PATH io.lmcache.backend.gds.GpuTests}. The exit status is 0 when all ran and
 * passed; a skipped test counts as failed here.
 */
final class GpuTests {
    private GpuTests() {}

    static void main() {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectPackage("io.lmcache.backend.gds"))
                .filters(includeTags("gpu"))
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
}
