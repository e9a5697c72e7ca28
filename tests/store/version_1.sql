BEGIN TRANSACTION;
CREATE TABLE actions (
	id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	annotator TEXT NOT NULL, 
	what VARCHAR(16) NOT NULL, 
	target INTEGER, 
	client VARCHAR(200), 
	q BIGINT, 
	sentence TEXT NOT NULL, 
	n_images INTEGER NOT NULL, 
	"view" TEXT, 
	strategy TEXT, 
	spent_ms INTEGER, 
	machine INTEGER NOT NULL, 
	note TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (client, q), 
	FOREIGN KEY(target) REFERENCES actions (id)
);
INSERT INTO "actions" VALUES(1,1795630495683115,'kim','class',NULL,'kim',1,'new class monocyte',0,NULL,NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(2,1795630495705282,'kim','class',NULL,'kim',2,'new class lymphocyte',0,NULL,NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(3,1795630495774593,'kim','label',NULL,'kim',3,'3 images → monocyte',3,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(4,1795630495795932,'bo','label',NULL,'bo',1,'2 images → lymphocyte',2,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(5,1795630495825838,'bo','undo',4,'bo',2,'2 images → lymphocyte undone',2,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(6,1795630495879872,'bo','label',NULL,'bo',3,'1 image → lymphocyte',1,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(7,1795630495906347,'bo','label',NULL,'bo',4,'1 image → lymphocyte',1,'suggestion','margin',NULL,0,NULL);
INSERT INTO "actions" VALUES(8,1795630495931741,'kim','label',NULL,'kim',4,'1 image → unsure',1,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(9,1795630495947880,'kim','label',NULL,'kim',5,'1 image → monocyte',1,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(10,1795630495971718,'bo','label',NULL,'bo',5,'1 image cleared',1,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(11,1795630495987853,'bo','label',NULL,'bo',6,'1 image skipped',1,'grid',NULL,NULL,0,NULL);
INSERT INTO "actions" VALUES(12,1795630496070649,'bo','undo',11,'bo',7,'1 image skipped undone',1,'grid',NULL,NULL,0,NULL);
CREATE TABLE audit_draws (
	id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	pool_size INTEGER NOT NULL, 
	strategy TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_draws" VALUES(1,1795630496019807,11,8,'uniform');
CREATE TABLE audit_images (
	image INTEGER NOT NULL, 
	draw INTEGER NOT NULL, 
	PRIMARY KEY (image), 
	FOREIGN KEY(image) REFERENCES images (ordinal), 
	FOREIGN KEY(draw) REFERENCES audit_draws (id)
);
INSERT INTO "audit_images" VALUES(7,1);
CREATE TABLE class_events (
	id INTEGER NOT NULL, 
	action INTEGER NOT NULL, 
	class_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	color VARCHAR(7) NOT NULL, 
	position INTEGER NOT NULL, 
	retired INTEGER NOT NULL, 
	merged_into INTEGER, 
	withdrawn INTEGER NOT NULL, 
	"before" INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(action) REFERENCES actions (id)
);
INSERT INTO "class_events" VALUES(1,1,1,'monocyte','#0072B2',0,0,NULL,0,NULL);
INSERT INTO "class_events" VALUES(2,2,2,'lymphocyte','#E69F00',1,0,NULL,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	action INTEGER NOT NULL, 
	image INTEGER NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	class_id INTEGER, 
	origin INTEGER, 
	"before" INTEGER, 
	shown_class INTEGER, 
	shown_probability FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(action) REFERENCES actions (id), 
	FOREIGN KEY(image) REFERENCES images (ordinal)
);
INSERT INTO "events" VALUES(1,3,1,'class',1,1,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,3,2,'class',1,2,NULL,NULL,NULL);
INSERT INTO "events" VALUES(3,3,3,'class',1,3,NULL,NULL,NULL);
INSERT INTO "events" VALUES(4,4,2,'class',2,4,2,NULL,NULL);
INSERT INTO "events" VALUES(5,4,3,'class',2,5,3,NULL,NULL);
INSERT INTO "events" VALUES(6,5,2,'class',1,2,4,NULL,NULL);
INSERT INTO "events" VALUES(7,5,3,'class',1,3,5,NULL,NULL);
INSERT INTO "events" VALUES(8,6,3,'class',2,8,3,NULL,NULL);
INSERT INTO "events" VALUES(9,7,4,'class',2,9,NULL,2,0.75);
INSERT INTO "events" VALUES(10,8,4,'unsure',NULL,10,9,NULL,NULL);
INSERT INTO "events" VALUES(11,9,5,'class',1,11,NULL,NULL,NULL);
INSERT INTO "events" VALUES(12,10,5,'clear',NULL,12,11,NULL,NULL);
INSERT INTO "events" VALUES(13,11,6,'skip',NULL,13,NULL,NULL,NULL);
INSERT INTO "events" VALUES(14,12,6,'clear',NULL,NULL,13,NULL,NULL);
CREATE TABLE files (
	seq INTEGER NOT NULL, 
	image INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	file TEXT NOT NULL, 
	frame INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	source_frame INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	replaced INTEGER NOT NULL, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(image) REFERENCES images (ordinal)
);
INSERT INTO "files" VALUES(1,1,'cells/0000.png','/data/cells/0000.png',0,'/data/cells/0000.png',0,100,1,0);
INSERT INTO "files" VALUES(2,2,'cells/0001.png','/data/cells/0001.png',0,'/data/cells/0001.png',0,100,1,0);
INSERT INTO "files" VALUES(3,3,'cells/0002.png','/data/cells/0002.png',0,'/data/cells/0002.png',0,100,1,0);
INSERT INTO "files" VALUES(4,4,'cells/0003.png','/data/cells/0003.png',0,'/data/cells/0003.png',0,100,1,0);
INSERT INTO "files" VALUES(5,5,'cells/0004.png','/data/cells/0004.png',0,'/data/cells/0004.png',0,100,1,0);
INSERT INTO "files" VALUES(6,6,'cells/0005.png','/data/cells/0005.png',0,'/data/cells/0005.png',0,100,1,0);
INSERT INTO "files" VALUES(7,7,'cells/0006.png','/data/cells/0006.png',0,'/data/cells/0006.png',0,100,1,0);
INSERT INTO "files" VALUES(8,8,'cells/0007.png','/data/cells/0007.png',0,'/data/cells/0007.png',0,100,1,0);
CREATE TABLE images (
	ordinal INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	grp TEXT, 
	reference TEXT, 
	meta TEXT, 
	PRIMARY KEY (ordinal), 
	UNIQUE (id)
);
INSERT INTO "images" VALUES(1,'00000000000000000000',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(2,'00000000000000000001',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(3,'00000000000000000002',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(4,'00000000000000000003',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(5,'00000000000000000004',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(6,'00000000000000000005',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(7,'00000000000000000006',8,6,NULL,NULL,NULL);
INSERT INTO "images" VALUES(8,'00000000000000000007',8,6,NULL,NULL,NULL);
CREATE TABLE refused (
	path TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (path)
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE settings (
	"key" VARCHAR(200) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE INDEX ix_actions_target ON actions (target);
CREATE INDEX actions_by_time ON actions (time);
CREATE INDEX actions_by_annotator ON actions (annotator, id);
CREATE INDEX ix_files_image ON files (image);
CREATE INDEX ix_files_path ON files (path);
CREATE INDEX ix_files_source ON files (source);
CREATE INDEX events_by_image ON events (image, id);
CREATE INDEX ix_events_action ON events (action);
CREATE INDEX class_events_by_class ON class_events (class_id, id);
CREATE INDEX ix_class_events_action ON class_events (action);
CREATE INDEX ix_audit_images_draw ON audit_images (draw);
CREATE TRIGGER actions_no_update BEFORE UPDATE ON actions BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER actions_no_delete BEFORE DELETE ON actions BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER class_events_no_update BEFORE UPDATE ON class_events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER class_events_no_delete BEFORE DELETE ON class_events BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
COMMIT;
