/* SPDX-License-Identifier: MIT */
/* Tests of neuron-qtest that have files of their own. */
#ifndef TESTS_QTEST_TESTS_H
#define TESTS_QTEST_TESTS_H

/* iommu.c */
void iommu_confines(void);
void iommu_translates(void);

/* migration.c */
void migration(void);
void migration_to_another(void);
void migration_of_versions(void);
void hostile_migration(void);

#endif /* TESTS_QTEST_TESTS_H */
