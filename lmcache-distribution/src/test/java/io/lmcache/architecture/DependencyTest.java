package io.lmcache.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class DependencyTest {
    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.lmcache");

    @Test
    void theApiNeedsTheJdkAndJSpecifyOnly() {
        classes()
                .that()
                .resideInAPackage("io.lmcache.api..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("io.lmcache.api..", "java..", "org.jspecify..")
                .check(PRODUCT);
    }

    @Test
    void backendsNeverDependOnCore() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.backend..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.core..", "io.lmcache.cli..", "io.lmcache.demo..", "io.lmcache.bench..")
                .check(PRODUCT);
    }

    @Test
    void nothingOutsideABackendNamesItsClasses() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lmcache.backend.cpu..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.backend.cpu..")
                .check(PRODUCT);
        // The chunk directory is one for host and GPU memory.
        noClasses()
                .that()
                .resideOutsideOfPackages("io.lmcache.backend.posix..", "io.lmcache.backend.gds..", "io.lmcache.cli..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.backend.posix..")
                .check(PRODUCT);
        // A command converts files from one format to another.
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.cli..")
                .should()
                .dependOnClassesThat(resideInAPackage("io.lmcache.backend.posix..")
                        .and(resideOutsideOfPackages(
                                "io.lmcache.backend.posix.convert..", "io.lmcache.backend.posix.format..")))
                .check(PRODUCT);
        noClasses()
                .that()
                .resideOutsideOfPackages("io.lmcache.backend.gds..", "io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.backend.gds..")
                .check(PRODUCT);
        // The server is an embedder: it brings engines' paged caches to the stack, and knows nothing of how tiers work.
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.lmcache.backend.gds", "io.lmcache.backend.gds.io..", "io.lmcache.backend.gds.cufile..")
                .check(PRODUCT);
    }

    @Test
    void theServerKnowsNoCommandLineAndNobodyElseKnowsGrpc() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli..", "io.lmcache.demo..", "io.lmcache.bench..", "picocli..")
                .check(PRODUCT);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.grpc..", "io.netty..", "com.google.protobuf..")
                .check(PRODUCT);
    }

    @Test
    void coreKnowsNoCommandLine() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.core..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli..", "io.lmcache.demo..", "io.lmcache.bench..", "picocli..")
                .check(PRODUCT);
    }

    @Test
    void whatCommandsRunKnowsNoCommandLine() {
        noClasses()
                .that()
                .resideInAnyPackage("io.lmcache.demo..", "io.lmcache.bench..", "io.lmcache.process..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli..", "picocli..")
                .check(PRODUCT);
    }

    @Test
    void guiceIsForTheWiringOnly() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lmcache.core.wiring..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("com.google.inject..", "jakarta.inject..")
                .check(PRODUCT);
    }
}
