package clients

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

func TestClient(t *testing.T) {
	client := clientOf(t, token)

	t.Run("registers, and answers the same id for the same schema", func(t *testing.T) {
		subject := freshSubject()
		created, err := client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		equal(t, []any{created.Subject, created.Version, created.Schema.Schema}, []any{subject, 1, avroOrder})
		id, err := client.RegisterSchema(ctx, subject, avroSchema(avroOrder), -1, -1)
		must(t, err)
		equal(t, id, created.ID)
		spaced := avroSchema(strings.ReplaceAll(avroOrder, ":", " : "))
		id, err = client.RegisterSchema(sr.WithParams(ctx, sr.Normalize), subject, spaced, -1, -1)
		must(t, err)
		equal(t, id, created.ID)
	})

	t.Run("gives one id and one version to many that register the same schema at once", func(t *testing.T) {
		subject := freshSubject()
		var wait sync.WaitGroup
		created, errs := make([]sr.SubjectSchema, 20), make([]error, 20)
		for i := range created {
			wait.Go(func() {
				created[i], errs[i] = client.CreateSchema(ctx, subject, avroSchema(`{"type":"fixed","name":"AtOnce","size":20}`))
			})
		}
		wait.Wait()
		for i := range created {
			must(t, errs[i])
			equal(t, []int{created[i].ID, created[i].Version}, []int{created[0].ID, 1})
		}
	})

	t.Run("finds schemas by id, by GUID, by version, as the latest, and by their text", func(t *testing.T) {
		subject := freshSubject()
		created, err := client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		_, err = client.CreateSchema(ctx, subject, avroSchema(avroWider))
		must(t, err)
		byID, err := client.SchemaByID(ctx, created.ID)
		must(t, err)
		equal(t, []any{byID.Schema, byID.Type}, []any{avroOrder, sr.TypeAvro})
		byGUID, err := client.SchemaByGUID(ctx, created.GUID)
		must(t, err)
		equal(t, byGUID.Schema.Schema, avroOrder)
		ids, err := client.SchemaIDsByGUID(ctx, created.GUID)
		must(t, err)
		equal(t, slices.Contains(ids, sr.ContextID{Context: ".", ID: created.ID}), true)
		text, err := client.SchemaTextByID(ctx, created.ID)
		must(t, err)
		equal(t, text, avroOrder)
		text, err = client.SchemaTextByVersion(ctx, subject, 1)
		must(t, err)
		equal(t, text, avroOrder)
		first, err := client.SchemaByVersion(ctx, subject, 1)
		must(t, err)
		equal(t, []any{first.ID, first.GUID}, []any{created.ID, created.GUID})
		latest, err := client.SchemaByVersion(ctx, subject, -1)
		must(t, err)
		equal(t, []any{latest.Version, latest.Schema.Schema}, []any{2, avroWider})
		found, err := client.LookupSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		equal(t, []any{found.ID, found.Version}, []any{created.ID, 1})
		subjects, err := client.SubjectsByID(ctx, created.ID)
		must(t, err)
		equal(t, slices.Contains(subjects, subject), true)
		versions, err := client.SchemaVersionsByID(ctx, created.ID)
		must(t, err)
		equal(t, slices.Contains(versions, sr.SubjectVersion{Subject: subject, Version: 1}), true)
		usages, err := client.SchemaUsagesByID(ctx, created.ID)
		must(t, err)
		equal(t, slices.ContainsFunc(usages, func(at sr.SubjectSchema) bool { return at.Subject == subject }), true)
	})

	t.Run("lists subjects, versions and schemas", func(t *testing.T) {
		subject := freshSubject()
		for _, text := range []string{avroOrder, avroWider} {
			_, err := client.CreateSchema(ctx, subject, avroSchema(text))
			must(t, err)
		}
		subjects, err := client.Subjects(sr.WithParams(ctx, sr.SubjectPrefix(subject)))
		must(t, err)
		equal(t, subjects, []string{subject})
		versions, err := client.SubjectVersions(ctx, subject)
		must(t, err)
		equal(t, versions, []int{1, 2})
		versions, err = client.SubjectVersions(sr.WithParams(ctx, sr.Offset(1), sr.Limit(1)), subject)
		must(t, err)
		equal(t, versions, []int{2})
		schemas, err := client.Schemas(ctx, subject)
		must(t, err)
		equal(t, []any{len(schemas), schemas[1].Schema.Schema}, []any{2, avroWider})
		all, err := client.AllSchemas(sr.WithParams(ctx, sr.SubjectPrefix(subject)))
		must(t, err)
		left, right, common := sr.CommSubjectSchemas(schemas, all)
		equal(t, []int{len(left), len(right), len(common)}, []int{0, 0, 2})
		latest, err := client.AllSchemas(sr.WithParams(ctx, sr.SubjectPrefix(subject), sr.LatestOnly))
		must(t, err)
		equal(t, []any{len(latest), latest[0].Version}, []any{1, 2})
		types, err := client.SupportedTypes(ctx)
		must(t, err)
		equal(t, types, []sr.SchemaType{sr.TypeAvro, sr.TypeProtobuf, sr.TypeJSON})
	})

	t.Run("says what is compatible and why not, and refuses what is not", func(t *testing.T) {
		subject := freshSubject()
		_, err := client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		for _, version := range []int{1, -1, -2} {
			check, err := client.CheckCompatibility(ctx, subject, version, avroSchema(avroWider))
			must(t, err)
			equal(t, check.Is, true)
			check, err = client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, version, avroSchema(avroOther))
			must(t, err)
			equal(t, []bool{check.Is, len(check.Messages) > 0}, []bool{false, true})
		}
		_, err = client.CreateSchema(ctx, subject, avroSchema(avroOther))
		refused(t, err, http.StatusConflict, 40901)
	})

	t.Run("keeps metadata and rules of a schema", func(t *testing.T) {
		subject := freshSubject()
		schema := avroSchema(avroOrder)
		schema.SchemaMetadata = &sr.SchemaMetadata{Properties: map[string]string{"owner": "shop"}, Sensitive: []string{"owner"}}
		rule := sr.SchemaRule{Name: "positive", Kind: sr.SchemaRuleKindCondition, Mode: sr.SchemaRuleModeWrite, Type: "CEL", Expr: "message.cents > 0"}
		schema.SchemaRuleSet = &sr.SchemaRuleSet{DomainRules: []sr.SchemaRule{rule}}
		created, err := client.CreateSchema(ctx, subject, schema)
		must(t, err)
		equal(t, *created.SchemaMetadata, *schema.SchemaMetadata)
		equal(t, *created.SchemaRuleSet, *schema.SchemaRuleSet)
	})

	t.Run("sets, shows and resets compatibility of a subject and of all", func(t *testing.T) {
		subject := freshSubject()
		refused(t, client.Compatibility(ctx, subject)[0].Err, http.StatusNotFound, 40408)
		metadata := &sr.SchemaMetadata{Properties: map[string]string{"owner": "shop"}}
		settings := sr.SetCompatibility{Level: sr.CompatFullTransitive, Normalize: true, Group: "application", DefaultMetadata: metadata}
		set := client.SetCompatibility(ctx, settings, subject)[0]
		must(t, set.Err)
		equal(t, []any{set.Level, set.Normalize, set.Group}, []any{sr.CompatFullTransitive, true, "application"})
		results := client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject, freshName(), sr.GlobalSubject)
		for _, result := range results {
			must(t, result.Err)
		}
		equal(t, []any{results[0].Level, results[0].Group, results[1].Level}, []any{sr.CompatFullTransitive, "application", sr.CompatBackward})
		equal(t, results[0].DefaultMetadata.Properties, metadata.Properties)
		must(t, client.ResetCompatibility(ctx, subject)[0].Err)
		refused(t, client.ResetCompatibility(ctx, subject)[0].Err, http.StatusNotFound, 40401)
		must(t, client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone})[0].Err)
		equal(t, client.Compatibility(ctx)[0].Level, sr.CompatNone)
		must(t, client.ResetCompatibility(ctx)[0].Err)
		equal(t, client.Compatibility(ctx)[0].Level, sr.CompatBackward)
	})

	t.Run("sets, shows and resets modes, and takes ids and versions in mode IMPORT alone", func(t *testing.T) {
		subject := freshSubject()
		refused(t, client.Mode(ctx, subject)[0].Err, http.StatusNotFound, 40409)
		equal(t, client.Mode(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0].Mode, sr.ModeReadWrite)
		must(t, client.SetMode(ctx, sr.ModeReadOnly, subject)[0].Err)
		_, err := client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		refused(t, err, http.StatusUnprocessableEntity, 42205)
		equal(t, client.ResetMode(ctx, subject)[0].Mode, sr.ModeReadOnly)
		_, err = client.CreateSchemaWithIDAndVersion(ctx, subject, avroSchema(avroOrder), 70_001, 7)
		refused(t, err, http.StatusUnprocessableEntity, 42205)
		must(t, client.SetMode(sr.WithParams(ctx, sr.Force), sr.ModeImport, subject)[0].Err)
		imported, err := client.CreateSchemaWithIDAndVersion(ctx, subject, avroSchema(`{"type":"fixed","name":"Imported","size":3}`), 70_001, 7)
		must(t, err)
		equal(t, []int{imported.ID, imported.Version}, []int{70_001, 7})
		must(t, client.ResetMode(ctx, subject)[0].Err)
		equal(t, client.Mode(ctx)[0].Mode, sr.ModeReadWrite)
	})

	t.Run("deletes softly and for good, in this order", func(t *testing.T) {
		subject := freshSubject()
		created, err := client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		_, err = client.CreateSchema(ctx, subject, avroSchema(avroWider))
		must(t, err)
		refused(t, client.DeleteSchema(ctx, subject, 1, sr.HardDelete), http.StatusNotFound, 40407)
		must(t, client.DeleteSchema(ctx, subject, 1, sr.SoftDelete))
		refused(t, client.DeleteSchema(ctx, subject, 1, sr.SoftDelete), http.StatusNotFound, 40406)
		_, err = client.SchemaByVersion(ctx, subject, 1)
		refused(t, err, http.StatusNotFound, 40402)
		deleted, err := client.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), subject, 1)
		must(t, err)
		equal(t, deleted.ID, created.ID)
		_, err = client.SchemaByID(ctx, created.ID)
		must(t, err)
		must(t, client.DeleteSchema(ctx, subject, 1, sr.HardDelete))
		_, err = client.DeleteSubject(ctx, subject, sr.HardDelete)
		refused(t, err, http.StatusNotFound, 40405)
		for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
			versions, err := client.DeleteSubject(ctx, subject, how)
			must(t, err)
			equal(t, versions, []int{2})
		}
		_, err = client.DeleteSubject(ctx, subject, sr.SoftDelete)
		refused(t, err, http.StatusNotFound, 40401)
	})

	t.Run("tells who refers to a schema, and protects what is referred to", func(t *testing.T) {
		money, subject := freshSubject(), freshSubject()
		_, err := client.CreateSchema(ctx, money, avroSchema(`{"type":"record","name":"Money","fields":[{"name":"units","type":"long"}]}`))
		must(t, err)
		reference := sr.SchemaReference{Name: "Money", Subject: money, Version: 1}
		bill := avroSchema(`{"type":"record","name":"Bill","fields":[{"name":"total","type":"Money"}]}`, reference)
		created, err := client.CreateSchema(ctx, subject, bill)
		must(t, err)
		equal(t, created.References, bill.References)
		referring, err := client.SchemaReferences(ctx, money, 1)
		must(t, err)
		equal(t, []any{len(referring), referring[0].Subject}, []any{1, subject})
		resolved, err := client.SchemaTextByVersion(sr.WithParams(ctx, sr.Format("resolved")), subject, -1)
		must(t, err)
		equal(t, strings.Contains(resolved, "units"), true)
		refused(t, client.DeleteSchema(ctx, money, 1, sr.SoftDelete), http.StatusUnprocessableEntity, 42206)
	})

	t.Run("keeps contexts apart, by request, by client and by qualified names, and deletes empty ones", func(t *testing.T) {
		name := "." + freshName()
		inside := clientOf(t, token, sr.DefaultSchemaContext(name))
		created, err := inside.CreateSchema(ctx, "orders-value", avroSchema(avroOrder))
		must(t, err)
		equal(t, []any{created.ID, created.Subject}, []any{1, ":" + name + ":orders-value"})
		qualified, err := client.SchemaByVersion(ctx, ":"+name+":orders-value", -1)
		must(t, err)
		equal(t, qualified.GUID, created.GUID)
		subjects, err := client.Subjects(sr.InContext(ctx, name))
		must(t, err)
		equal(t, subjects, []string{":" + name + ":orders-value"})
		contexts, err := client.Contexts(ctx)
		must(t, err)
		equal(t, slices.Contains(contexts, name), true)
		refused(t, client.DeleteContext(ctx, name), http.StatusUnprocessableEntity, 42211)
		for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
			_, err = inside.DeleteSubject(ctx, "orders-value", how)
			must(t, err)
		}
		must(t, client.DeleteContext(ctx, name))
		contexts, err = client.Contexts(ctx)
		must(t, err)
		equal(t, slices.Contains(contexts, name), false)
	})

	t.Run("gives errors that the client knows by name", func(t *testing.T) {
		known := func(err error, want *sr.Error) {
			t.Helper()
			var response *sr.ResponseError
			if !errors.As(err, &response) || response.SchemaError() != want {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		subject := freshSubject()
		_, err := client.SchemaByVersion(ctx, subject, -1)
		known(err, sr.ErrSubjectNotFound)
		_, err = client.CreateSchema(ctx, subject, avroSchema(avroOrder))
		must(t, err)
		_, err = client.SchemaByVersion(ctx, subject, 9)
		known(err, sr.ErrVersionNotFound)
		_, err = client.SchemaByVersion(ctx, subject, 0)
		known(err, sr.ErrInvalidVersion)
		_, err = client.SchemaByID(ctx, 1<<30)
		known(err, sr.ErrSchemaNotFound)
		_, err = client.SchemaTextByID(ctx, 1<<30)
		known(err, sr.ErrSchemaNotFound)
		_, err = client.SchemaByGUID(ctx, "00000000-0000-0000-0000-000000000000")
		known(err, sr.ErrSchemaNotFound)
		_, err = client.LookupSchema(ctx, subject, avroSchema(avroWider))
		known(err, sr.ErrSchemaNotFound)
		_, err = client.CreateSchema(ctx, subject, avroSchema(`{"type":"nonsense"}`))
		known(err, sr.ErrInvalidSchema)
		_, err = client.CreateSchema(ctx, "__GLOBAL", avroSchema(avroOrder))
		known(err, sr.ErrInvalidSubject)
	})

	t.Run("takes a token as password or as bearer, and is refused without one", func(t *testing.T) {
		subject := freshSubject()
		id, err := client.RegisterSchema(ctx, subject, avroSchema(avroOrder), -1, -1)
		must(t, err)
		viewer := clientOf(t, viewerToken)
		same, err := viewer.RegisterSchema(ctx, subject, avroSchema(avroOrder), -1, -1)
		must(t, err)
		equal(t, same, id)
		_, err = viewer.RegisterSchema(ctx, subject, avroSchema(avroWider), -1, -1)
		refused(t, err, http.StatusForbidden, 403)
		bearer, err := sr.NewClient(sr.URLs(url), sr.BearerToken(viewerToken))
		must(t, err)
		_, err = bearer.SchemaByID(ctx, id)
		must(t, err)
		_, err = clientOf(t, "wrong").Subjects(ctx)
		refused(t, err, http.StatusUnauthorized, 401)
	})
}
