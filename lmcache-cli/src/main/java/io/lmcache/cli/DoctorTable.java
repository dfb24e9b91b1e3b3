package io.lmcache.cli;

import io.lmcache.api.spi.Finding;
import io.lmcache.core.diagnosis.BackendDiagnosis;
import io.lmcache.core.diagnosis.StackDiagnosis;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** A diagnosis for people. */
final class DoctorTable {
    private static final String FORMAT = "  %-8s %-14s %s%n";

    private DoctorTable() {}

    static void print(StackDiagnosis diagnosis, List<Finding> server, PrintWriter out) {
        diagnosis.backends().forEach(backend -> print(backend, out));
        out.println("Server, for lmcache serve");
        server.forEach(finding -> print(finding, out));
        out.println();
        out.println("Conclusion");
        print(diagnosis.fileTier(), out);
        out.println();
        out.println(diagnosis.works() ? "The configured mode works." : "THE CONFIGURED MODE DOES NOT WORK.");
    }

    private static void print(BackendDiagnosis backend, PrintWriter out) {
        out.println("Tier " + backend.backend() + (backend.used() ? "" : ", not used"));
        backend.findings().forEach(finding -> print(finding, out));
        out.println();
    }

    private static void print(Finding finding, PrintWriter out) {
        String status = finding.status().name().toLowerCase(Locale.ROOT);
        out.printf(FORMAT, status, finding.topic(), finding.text());
        if (!finding.remedy().isEmpty()) {
            out.printf(FORMAT, "", "", "remedy: " + finding.remedy());
        }
    }
}
